"""Documents: reading them, splitting them into passages."""
