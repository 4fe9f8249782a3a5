"""What may be said of an MCP server in `[plugins.mcp_tools.servers.NAME]`."""

import os
from collections.abc import Mapping
from string import Template
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

# The name stands in the names of tools, which have dots between their parts.
ServerName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}\Z")]
Seconds = Annotated[float, Meta(gt=0)]


class Unset(Exception):
    """A variable of the environment that the settings name is not there."""


class McpServer(Struct, kw_only=True, forbid_unknown_fields=True):
    """One server: a program that is started here, or an address. Raises ValueError where it is neither, or both."""

    command: tuple[str, ...] = ()
    """The program and its arguments; it is spoken to over its standard input and output."""
    url: str = ""
    """Where a server listens that others have started, for streamable HTTP."""
    env: dict[str, str] = {}
    """What the program finds in its environment, beside PATH, HOME and the like; see `filled`."""
    headers: dict[str, str] = {}
    """What is sent with every request to `url`; see `filled`."""
    cwd: str = ""
    """The folder where the program runs; empty for that of this server."""
    timeout: Seconds = 25.0
    """For one call of a tool."""
    start_timeout: Seconds = 30.0
    """For starting, or connecting, and telling its tools."""
    allow: tuple[str, ...] = ("*",)
    """Which of its tools are offered, by the server's own names or patterns of them."""
    effects: bool | None = None
    """Whether its tools change anything outside of a turn; None believes what it says of each."""

    def __post_init__(self) -> None:
        if bool(self.command) == bool(self.url):
            raise ValueError("needs either a command or a url, and not both")
        if not all(self.command):
            raise ValueError("has a command with an empty word in it")
        if self.url and (urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname):
            raise ValueError("has a url that does not begin with http:// or https:// and a host")
        misplaced = {"env": self.env, "cwd": self.cwd} if self.url else {"headers": self.headers}
        for key, value in misplaced.items():
            if value:
                raise ValueError(f"has {key}, which goes with a {'command' if self.url else 'url'}")
        for key, value in (self.env | self.headers).items():
            # The value is not told: it may well be the secret itself.
            if not Template(value).is_valid():
                raise ValueError(f"has a $ in {key} that names no variable; write $$ for a $")


class McpToolsSettings(Struct):
    """The table `[plugins.mcp_tools]`."""

    servers: dict[ServerName, McpServer] = {}
    """By the names that their tools get: `mcp.NAME.tool`."""


def filled(values: Mapping[str, str]) -> dict[str, str]:
    """Put the environment's variables in the place of `$NAME` and `${NAME}`, and `$` in that of `$$`.

    So secrets need not stand in the file. Raises Unset, which names the variable.
    """
    try:
        return {key: Template(value).substitute(os.environ) for key, value in values.items()}
    except KeyError as error:
        raise Unset(f"the environment has no variable {error.args[0]}, which its settings name") from error
