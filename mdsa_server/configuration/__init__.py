"""The configuration: `mdsa.toml`, environment and command line, made into checked settings."""

from mdsa_server.configuration.load import Loaded, load

__all__ = ["Loaded", "load"]
