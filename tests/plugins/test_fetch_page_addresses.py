"""Which addresses `fetch_page` may ask: those that are public, however they are written."""

import asyncio
import socket
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.plugin_api import ToolRefused
from tests.plugins.page_fetching import ADDRESSES

CLOSED_4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
CLOSED_6 = [
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


def within(network: str) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    return st.ip_addresses(network=network)


closed_4 = st.sampled_from(CLOSED_4).flatmap(within)
closed_6 = st.sampled_from(CLOSED_6).flatmap(within)


@given(closed_4 | closed_6)
def test_what_is_private_reserved_or_of_this_machine_is_not_public(address: IPv4Address | IPv6Address) -> None:
    assert not ADDRESSES.is_public(str(address))


@pytest.mark.parametrize("network", CLOSED_4 + CLOSED_6)
def test_neither_is_the_first_or_the_last_of_such_a_network(network: str) -> None:
    assert not ADDRESSES.is_public(str(ip_network(network)[0]))
    assert not ADDRESSES.is_public(str(ip_network(network)[-1]))


@given(st.ip_addresses())
def test_what_python_knows_to_be_private_is_never_public(address: IPv4Address | IPv6Address) -> None:
    held = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if not (held or address).is_global and address not in ip_network("64:ff9b::/96"):
        assert not ADDRESSES.is_public(str(address))


@given(closed_4 | st.ip_addresses(v=4))
def test_an_address_that_holds_another_is_as_public_as_that(address: IPv4Address) -> None:
    public = ADDRESSES.is_public(str(address))
    assert ADDRESSES.is_public(f"::ffff:{address}") == public
    assert ADDRESSES.is_public(str(ip_address("64:ff9b::") + int(address))) == public


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    ],
)
def test_no_cloud_is_asked_about_the_machine(address: str) -> None:
    assert not ADDRESSES.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.6.139", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_the_internet_is_public(address: str) -> None:
    assert ADDRESSES.is_public(address)


def test_an_address_within_one_link_is_not_public() -> None:
    assert not ADDRESSES.is_public("fe80::1%1")
    assert not ADDRESSES.is_public("2606:4700::1111%1")


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "017700000001", "0"])
async def test_however_this_machine_is_written_it_is_looked_up_as_itself(host: str) -> None:
    try:
        addresses = await ADDRESSES.look_up(host, 80)
    except OSError:
        return  # Not every system takes every spelling, and what is no address cannot be asked.
    assert addresses
    assert not any(ADDRESSES.is_public(address) for address in addresses)


class Told(NamedTuple):
    """An address of an interface, as psutil tells it."""

    family: int
    address: str
    netmask: str | None
    ptp: str | None


INTERFACES = {
    "lo": [Told(socket.AF_INET, "127.0.0.1", "255.0.0.0", None)],
    "eth0": [
        Told(socket.AF_INET, "8.8.4.9", "255.255.255.0", None),
        Told(socket.AF_INET6, "2606:4700:1:2::9", "ffff:ffff:ffff:ffff::", None),
        Told(socket.AF_INET6, "fe80::9%eth0", "ffff:ffff:ffff:ffff::", None),
        Told(psutil.AF_LINK, "00:00:5e:00:53:00", None, None),
    ],
    "tun0": [
        Told(socket.AF_INET, "9.9.1.1", "0.0.0.0", "9.9.2.2"),
        Told(socket.AF_INET6, "2606:4700:7:8::9", None, None),
    ],
}


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system tells of interfaces with public addresses."""
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: INTERFACES)


@pytest.mark.usefixtures("interfaces")
@pytest.mark.parametrize(
    "address",
    [
        "8.8.4.9",
        "8.8.4.200",
        "::ffff:8.8.4.200",
        "64:ff9b::808:4c8",
        "9.9.1.1",
        "9.9.2.2",
        "2606:4700:1:2::9",
        "2606:4700:1:2:ffff::1",
        "2606:4700:7:8::1",
    ],
)
def test_a_public_address_of_this_machine_or_its_networks_may_not_be_asked(address: str) -> None:
    assert ADDRESSES.is_public(address)
    assert not ADDRESSES.may_ask(address)


@pytest.mark.usefixtures("interfaces")
@pytest.mark.parametrize("address", ["8.8.5.1", "9.9.1.2", "2606:4700:1:3::1", "64:ff9b::808:501"])
def test_one_beyond_them_may(address: str) -> None:
    assert ADDRESSES.may_ask(address)


def test_what_the_system_tells_of_its_interfaces_is_understood() -> None:
    assert any(ip_address("127.0.0.1") in network for network in ADDRESSES.own_networks())
    assert not ADDRESSES.may_ask("127.0.0.1")
    assert ADDRESSES.may_ask("8.8.8.8")


async def test_look_ups_that_hang_keep_nobody_from_the_pool_and_no_more_of_them_are_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    resolve = socket.getaddrinfo

    def slow(host: str, *given: Any, **more: Any) -> Any:
        assert answer.wait(10)
        return resolve("127.0.0.1", 80, type=socket.SOCK_STREAM)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    waiting = [asyncio.create_task(ADDRESSES.look_up("slow.test", 80)) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    with pytest.raises(ToolRefused, match="4 look-ups"):
        await ADDRESSES.look_up("slow.test", 80)
    assert await asyncio.wait_for(asyncio.gather(*(asyncio.to_thread(int, "7") for _ in range(40))), 5) == [7] * 40
    answer.set()
    assert await asyncio.gather(*waiting[1:]) == [("127.0.0.1",)] * 3
    async with asyncio.timeout(5):
        while any(thread.name.startswith("look up") for thread in threading.enumerate()):  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)
    assert await ADDRESSES.look_up("slow.test", 80) == ("127.0.0.1",)
