"""From the bytes of a file to its text: a module for each kind of document."""
