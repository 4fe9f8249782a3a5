"""Looking over all that a server rests on, whatever is broken, and without changing anything of it."""

from mdsa_server.configuration.checkup.whole import checkup

__all__ = ["checkup"]
