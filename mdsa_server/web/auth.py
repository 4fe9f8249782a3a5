"""Who asks, from where, and what they may do."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler

from mdsa_server.errors import ForeignOrigin, ScopeMissing
from mdsa_server.web.rooms import InRooms

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SCOPES = frozenset({"public", "chat", "documents", "monitor", "admin"})


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request."""

    owner: str
    """Whose conversations these are."""
    scopes: frozenset[str]


ByCaller = NamedDependency[Caller]
"""The type of a handler's parameter `caller`."""

LOCAL = Caller("local", SCOPES)
"""The one caller there is while the server listens on loopback only."""


def provide_caller(rooms: InRooms) -> Caller:
    """Say who asks. Nothing of the rooms is needed yet, but Litestar takes a task group to fill two at once."""
    return LOCAL


def guard_against_strangers(
    allowed_hosts: Collection[str],
) -> Callable[[ASGIConnection, BaseRouteHandler], Awaitable[None]]:  # type: ignore[type-arg]  # of any connection
    """Make the guard every route passes: the Host is ours, a write comes from no other site, the scope is had."""
    hosts = LOOPBACK_HOSTS | {host.lower() for host in allowed_hosts}

    # Async although it waits for nothing: Litestar runs a sync guard in a thread.
    async def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # likewise
        check_host(connection.headers, hosts)
        if connection.scope.get("method", "GET") not in SAFE_METHODS:
            check_origin(connection.headers)
        scope = handler.opt.get("scope")
        if scope not in SCOPES:
            raise ScopeMissing(f"this route declares no scope ({handler})", "Report it: it is a fault of the server.")
        if scope not in LOCAL.scopes:
            raise ScopeMissing(f"the scope {scope!r} is needed", "Ask for it where the key was given out.")

    return guard


def check_host(headers: Mapping[str, str], hosts: Collection[str]) -> None:
    """Refuse a foreign Host header: a page of another site that had its name point here. Raises ForeignOrigin."""
    host = _without_port(headers.get("host", ""))
    if host not in hosts:
        raise ForeignOrigin(
            f"the Host header names {host!r}, and this server is not known by that name",
            f'If it should be, add it to mdsa.toml: [server] allowed_hosts = ["{host}"].',
        )


def check_origin(headers: Mapping[str, str]) -> None:
    """Refuse a write that a browser sends for another site's page. Raises ForeignOrigin.

    Browsers of today say so in Sec-Fetch-Site (W3C Fetch Metadata), older ones in Origin; programs send neither.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    if foreign:
        raise ForeignOrigin(
            f"a page of {origin or 'another site'} tried to change something here",
            "Use this server's own pages, or a program.",
        )


def _without_port(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()
