"""Strangers are kept out: foreign names, and other sites' pages."""

import pytest

from mdsa_server.errors import ForeignOrigin
from mdsa_server.web.origins import check_host, check_origin, from_this_machine, page_shown


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8642", "LOCALHOST:1", "[::1]:8642", "[::1]", "127.0.0.2"])
def test_this_machines_own_names_are_known(host: str) -> None:
    check_host({"host": host}, ())
    assert from_this_machine({"host": host})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8642", "localhost.evil.example", "", "127.0.0.1.x", "["]
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    with pytest.raises(ForeignOrigin, match="Host"):
        check_host({"host": host}, ())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": "http://localhost:8642", "host": "localhost:8642"},
    ],
)
def test_programs_and_our_own_pages_may_write(headers: dict[str, str]) -> None:
    check_origin(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost:9999", "host": "localhost:8642"},
        {"origin": "http://evil.example", "host": "localhost:8642"},
        {"origin": "http://localhost:9999", "host": "localhost:8642"},
        {"origin": "null", "host": "localhost:8642"},
        {"origin": "http://[", "host": "localhost:8642"},
        {"origin": "localhost:8642", "host": "localhost:8642"},
    ],
)
def test_other_sites_pages_may_not_write(headers: dict[str, str]) -> None:
    with pytest.raises(ForeignOrigin):
        check_origin(headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_pages_of_an_origin_that_was_named_may_write_and_no_others(site: str | None) -> None:
    told = {"sec-fetch-site": site} if site else {}
    named = ["https://app.example.org"]
    check_origin({"origin": "https://app.example.org", "host": "localhost:8642", **told}, named)
    for origin in ("http://app.example.org", "https://app.example.org:8443", "https://app.example.org.evil.example"):
        with pytest.raises(ForeignOrigin):
            check_origin({"origin": origin, "host": "localhost:8642", **told}, named)


def test_the_page_that_asks_is_known_by_its_address() -> None:
    assert page_shown({"hx-current-url": "http://localhost:8642/chat/x?y#z"}) == "/chat/x"
    for address in ({}, {"hx-current-url": ""}, {"hx-current-url": "http://["}):
        assert page_shown(address) == ""
