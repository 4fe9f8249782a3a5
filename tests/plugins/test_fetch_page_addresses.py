"""Which addresses `fetch_page` may ask: those that are public, however they are written."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
