"""Two plugins for MDSA Server, the ones of its plugin guide."""
