"""Whose page sent a request: a foreign name for this server, another site's page, one of ours, or a program."""

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from litestar.config.cors import CORSConfig

from mdsa_server.errors import ForeignOrigin
from mdsa_server.vocabulary.loopback import is_loopback

PASSED_ON = ("forwarded", "x-forwarded", "via", "x-real-ip", "cf-connecting-ip")
"""How the names of those headers begin by which proxies say that they pass a request on."""
PORT = re.compile("[0-9]{1,5}")
LAST_PORT = 65_535
OUR_HEADERS = ("X-MDSA-Turn", "X-MDSA-Conversation", "X-MDSA-Route")


def cross_origin_sharing(origins: Collection[str]) -> CORSConfig | None:
    """Let pages of these origins, and no others, read answers (WHATWG Fetch, CORS); None sends no such headers.

    Without credentials: a browser sends no cookie along, and a page of theirs shows an access key.
    """
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "X-Request-ID"],
        expose_headers=[*OUR_HEADERS, "Location", "Retry-After", "X-Request-ID"],
    )


def check_host(headers: Mapping[str, str], hosts: Collection[str]) -> None:
    """Refuse a foreign Host header: a page of another site that had its name point here. Raises ForeignOrigin.

    `hosts`: names and addresses besides those of loopback, in lower case, IPv6 addresses without brackets.
    """
    host = _host_named(headers)
    if host not in hosts and not is_loopback(host):
        raise ForeignOrigin(
            f"the Host header names {host!r}, and this server is not known by that name",
            f'If it should be, add it to mdsa.toml: [server] allowed_hosts = ["{host}"].',
        )


def from_this_machine(headers: Mapping[str, str]) -> bool:
    """Whether a request may have been sent here: what names another host, or was passed on, came through a proxy."""
    return is_loopback(_host_named(headers)) and not any(name.lower().startswith(PASSED_ON) for name in headers)


def from_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a browser sends this for another site's page.

    Browsers say so in Sec-Fetch-Site (W3C Fetch Metadata); older ones, and all that read us neither with TLS nor on
    loopback, in Origin alone. Programs send neither.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower()


def would_read(headers: Mapping[str, str]) -> bool:
    """Whether another site's page asks in a way by which it could come to read the answer: its browser names it then.

    Links to our pages, and what a page may only show or run, come without a name.
    """
    return "origin" in headers and from_elsewhere(headers)


def check_origin(headers: Mapping[str, str], origins: Collection[str] = ()) -> None:
    """Refuse a write of another site's page, unless it is of one of the `origins`. Raises ForeignOrigin."""
    origin = headers.get("origin")
    if from_elsewhere(headers) and origin not in origins:
        raise ForeignOrigin(
            f"a page of {origin or 'another site'} tried to change something here",
            "Use this server's own pages, or a program; or let its origin in: [server] cors_origins in mdsa.toml.",
        )


def page_shown(headers: Mapping[str, str]) -> str:
    """Give the path of the page from which htmx asks; empty where that is not said."""
    try:
        return urlsplit(headers.get("hx-current-url", "")).path
    except ValueError:
        return ""


def _host_named(headers: Mapping[str, str]) -> str:
    """Give the Host header without port and brackets; one that has an impossible port, whole."""
    host = headers.get("host", "").lower()
    name, _, port = host.rpartition(":")
    is_port = PORT.fullmatch(port) and int(port) <= LAST_PORT
    return (name if name and is_port else host).strip("[]")
