"""The only way out for a fetch: a connection is made to an address that was checked, and to no other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

import httpcore

from mdsa_server.plugin_api import ToolRefused

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host. Raises OSError and UnicodeError."""

# One that does not answer leaves time for the next: a name may have addresses that this machine cannot reach.
CONNECT_SECONDS = 4.0


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a host up once for each connection and connects to what it found, if all of it may be asked.

    HTTP and TLS go on with the host's name, for `Host`, SNI and the certificate. Nothing in between looks it up
    again, so that a name cannot mean another address once it was checked. A host that is written as an address, in
    whatever spelling, takes the same way.
    """

    def __init__(self, may_ask: Callable[[str], bool], look_up: LookUp) -> None:
        self._may_ask = may_ask
        self._look_up = look_up
        self._wire = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises ToolRefused where there is no such host, or none that may be asked, and httpcore's errors."""
        try:
            addresses = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise ToolRefused(f"there is no host {host!r}", "Check the address.") from error
        if not addresses:
            raise ToolRefused(f"the host {host!r} has no address", "Check the address.")
        # One that may not be asked is enough: nobody mixes them who means well.
        if not all(self._may_ask(address) for address in addresses):
            raise ToolRefused(f"{host!r} is not on the public internet", "Only public pages can be read.")
        *others, last = addresses
        for address in others:
            try:
                return await self._connected(address, port, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._connected(last, port, local_address, socket_options)

    async def _connected(
        self, address: str, port: int, local: str | None, options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.AsyncNetworkStream:
        return await self._wire.connect_tcp(address, port, CONNECT_SECONDS, local, options)
