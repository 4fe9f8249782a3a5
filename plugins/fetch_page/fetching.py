"""Fetches one page by GET: each address that it leads to is checked anew, and all of it is bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection
from fnmatch import fnmatchcase

import httpcore
import httpx

from mdsa_server.plugin_api import ToolRefused

from .addresses import look_up, may_ask
from .content import Content, content_of, header
from .guarded_network import GuardedNetwork, LookUp

MOST_REDIRECTS = 5
LONGEST_URL = 2_000
BEGIN = "Begin the address with https://."
PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset((301, 302, 303, 307, 308))
# No cookies, no credentials, no proxy: httpcore sends what is here and asks whom it is told to.
HEADERS = [
    (b"User-Agent", b"mdsa-server"),
    (b"Accept", b"text/html, application/xhtml+xml, text/markdown, text/plain, application/json;q=0.9"),
    (b"Accept-Encoding", b"gzip"),
    (b"Connection", b"close"),
]


class Fetcher:
    """`may_ask` says of an address whether it may be asked, `look_up` finds a host's addresses."""

    def __init__(
        self,
        *,
        allowed_hosts: Collection[str],
        ports: Collection[int],
        max_bytes: int,
        may_ask: Callable[[str], bool] = may_ask,
        look_up: LookUp = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed_hosts = [pattern.casefold().rstrip(".") for pattern in allowed_hosts]
        self._ports = ports
        self._max_bytes = max_bytes
        self._network = GuardedNetwork(may_ask, look_up)
        self._tls = tls

    async def fetch(self, address: str) -> Content:
        """Give what stands at an address, or where that leads to. Raises ToolRefused for whatever goes wrong."""
        url = self._permitted(_parsed(address))
        if self._tls is None:
            # It reads all certificates of the system, for some hundredths of a second.
            self._tls = await asyncio.to_thread(httpcore.default_ssl_context)
        async with httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network) as pool:
            for _ in range(MOST_REDIRECTS + 1):
                answer = await self._asked(pool, url)
                if isinstance(answer, Content):
                    return answer
                if url.scheme == "https" and answer.scheme == "http":
                    raise ToolRefused(f"{url.host} leads from https to http", "Try another page.")
                url = self._permitted(answer)
        raise ToolRefused(f"the page leads on more than {MOST_REDIRECTS} times", "Try another page.")

    async def _asked(self, pool: httpcore.AsyncConnectionPool, url: httpx.URL) -> Content | httpx.URL:
        """Give the answer to a GET, or where it leads to."""
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        try:
            async with pool.stream("GET", target, headers=[(b"Host", url.netloc), *HEADERS]) as response:
                location = header(response, "location")
                if response.status in REDIRECTS and location:
                    return _parsed(location, url)
                if not 200 <= response.status < 300:
                    raise ToolRefused(f"{url.host} answers with status {response.status}", "Try another page.")
                return await content_of(response, str(url), self._max_bytes)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            reason = str(error)[:200] or type(error).__name__
            raise ToolRefused(f"{url.host} cannot be read from: {reason}", "Try another page.") from error

    def _permitted(self, url: httpx.URL) -> httpx.URL:
        """Give an address that may be asked, as far as it says itself; what its host stands for is checked later."""
        if url.scheme not in PORTS:
            raise ToolRefused(f"the address begins with {url.scheme!r}, not http or https", BEGIN)
        if not url.host:
            raise ToolRefused("the address names no host", "Give it whole: https://, the host, the path.")
        if url.userinfo:
            raise ToolRefused("the address holds a name or a password", "Leave out what stands before the @.")
        port = PORTS[url.scheme] if url.port is None else url.port
        if port not in self._ports:
            raise ToolRefused(f"port {port} may not be asked", "Leave the port out.")
        names = {name.casefold().rstrip(".") for name in (url.host, url.raw_host.decode("ascii"))}
        if self._allowed_hosts and not any(fnmatchcase(name, each) for name in names for each in self._allowed_hosts):
            raise ToolRefused(f"{url.host} is not among the hosts that may be asked", "Try a page of another host.")
        return url


def _parsed(address: str, base: httpx.URL | None = None) -> httpx.URL:
    """Understand an address, seen from the one that led to it. Raises ToolRefused."""
    if len(address) > LONGEST_URL:
        raise ToolRefused(f"the address has {len(address):,} characters", f"Give one of at most {LONGEST_URL:,}.")
    try:
        return base.join(address) if base else httpx.URL(address.strip())
    except (httpx.InvalidURL, ValueError) as error:
        raise ToolRefused(f"this is no address of a page: {error}", BEGIN) from error
