"""Which addresses may be asked, and which addresses a host's name stands for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import psutil

from mdsa_server.plugin_api import ToolRefused, in_own_thread

MOST_LOOK_UPS = 4
"""How many may be under way: nothing ends one but the system's resolver, which may take minutes."""

GLOBAL_UNICAST = ip_network("2000::/3")
NAT64 = ip_network("64:ff9b::/96")
# Those that `ipaddress` takes for global, or only takes for private since some version of Python.
NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "100.64.0.0/10",  # between providers and their customers (RFC 6598); Alibaba's metadata are there
        "168.63.129.16/32",  # where Azure tells a machine about itself
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata are there
        "192.88.99.0/24",  # relays to 6to4
        "2001::/23",  # protocol assignments, among them Teredo, which holds an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",  # documentation
    )
)


_free = threading.BoundedSemaphore(MOST_LOOK_UPS)


def may_ask(address: str) -> bool:
    """Say whether an address is public, and neither this machine's own nor on a network that it is itself on.

    What has the public address of a router between here and the internet is not known here. Raises ValueError for no
    address.
    """
    return is_public(address) and not any(_inmost(ip_address(address)) in network for network in own_networks())


def own_networks() -> Iterator[IPv4Network | IPv6Network]:
    """Give the networks that this machine's interfaces are on, as the system tells them now."""
    for told in psutil.net_if_addrs().values():
        for one in told:
            if one.family not in (socket.AF_INET, socket.AF_INET6):
                continue
            address = ip_address(one.address.partition("%")[0])
            # Windows tells no mask for IPv6, where a network has 64 bits.
            mask = one.netmask or ("ffff:ffff:ffff:ffff::" if address.version == 6 else "255.255.255.255")
            length = int(ip_address(mask)).bit_count()
            # With a mask of nothing, as tunnels have, only the address itself is near.
            yield ip_network((address, length or address.max_prefixlen), strict=False)
            if one.ptp:
                yield ip_network(one.ptp.partition("%")[0])


def is_public(address: str) -> bool:
    """Say whether an address belongs to the internet at large: to no private network, no cloud's inside, not to no one.

    It may still be this machine's own, or that of a device in its network: see `may_ask`.

    An IPv6 address that holds an IPv4 one, mapped or for NAT64, is as public as that. Raises ValueError for no address.
    """
    known = _inmost(ip_address(address))
    if isinstance(known, IPv6Address) and (known.scope_id or known not in GLOBAL_UNICAST):
        return False
    if any(known in network for network in NOT_PUBLIC):
        return False
    return known.is_global and not (known.is_multicast or known.is_reserved)


async def look_up(host: str, port: int) -> Sequence[str]:
    """Give the addresses of a host, each once, in the system's order; those of an address, however spelled, are itself.

    Raises OSError, UnicodeError for what cannot be a host's name, and ToolRefused where too many wait for answers.
    """
    if not _free.acquire(blocking=False):
        raise ToolRefused(f"{MOST_LOOK_UPS} look-ups of hosts are under way already", "Try again in a while.")

    def ask() -> Sequence[tuple[Any, ...]]:
        try:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        finally:
            # Not before, whoever has given up waiting meanwhile.
            _free.release()

    found = await in_own_thread(ask, name=f"look up {host[:50]}")
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


def _inmost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
