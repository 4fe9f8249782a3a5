"""The plugin that reads web pages, with a network of the test's own in place of the internet."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from typing import Any

from mdsa_server.plugin_host.discovery import discover
from tests.plugins.first_party import PLUGINS

(PLUGIN,) = (plugin for plugin in discover(PLUGINS, []) if plugin.name == "fetch_page")
MODULE: Any = PLUGIN.load()
ADDRESSES: Any = sys.modules[f"{MODULE.__name__}.addresses"]


class Names:
    """Answers look-ups: of each host the answers in turn, the last again and again; keeps which were made.

    Of no other host is anybody asked: only those that are addresses, in whatever spelling, are known besides.
    """

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): list(each) for name, each in answers.items()}
        self.looked_up: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.looked_up.append(host)
        if answers := self._answers.get(host):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        found = await asyncio.get_running_loop().getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
        return [str(place[0]) for *_, place in found]


HERE = "127.0.0.1"


def only_here(address: str) -> bool:
    """Take this machine's own address for the one that may be asked, besides those that truly may."""
    return address == HERE or bool(ADDRESSES.is_public(address))


def fetcher(*ports: int, names: Names | None = None, max_bytes: int = 100_000, **given: Any) -> Any:
    """A fetcher for which `pages.test` is at 127.0.0.1, where some ports may be asked."""
    given = {"allowed_hosts": (), "may_ask": only_here} | given
    names = names or Names(pages_test=[[HERE]], other_test=[[HERE]])
    return MODULE.Fetcher(ports=ports, max_bytes=max_bytes, look_up=names, **given)


async def read(fetcher: Any, url: str, **settings: Any) -> str:
    """Call the tool with a fetcher."""
    result: str = await MODULE.reader_of(fetcher, MODULE.FetchPageSettings(enabled=True, **settings))(url)
    return result
