"""The configuration: `mdsa.toml`, environment and command line, made into checked settings."""

from mdsa_server.configuration.load import Loaded, Reading, load, read

__all__ = ["Loaded", "Reading", "load", "read"]
