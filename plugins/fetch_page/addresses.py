"""Which addresses are public, and which addresses a host's name stands for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

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


def is_public(address: str) -> bool:
    """Say whether an address belongs to the internet at large: not to this machine, its network, its cloud or no one.

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

    Raises OSError, and UnicodeError for what cannot be a host's name.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


def _inmost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
