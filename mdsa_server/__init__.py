"""MDSA Server: a team of small local language models behind one door."""

__version__ = "0.1.0"
