"""The `mdsa` command. Each file here holds a family of subcommands and imports what is heavy only when it is run."""

from mdsa_server.cli.main import main

__all__ = ["main"]
