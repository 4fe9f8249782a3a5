"""Measurements: each script runs ours and the alternative in one run and prints a table and a ratio."""
