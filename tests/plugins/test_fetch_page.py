"""The tool that reads web pages: what it gives, and where it may not go."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mdsa_server.plugin_api import ToolRefused, WithholdingToolSource
from tests.plugins.first_party import opened, use
from tests.plugins.page_fetching import HERE, MODULE, Names, fetcher, read
from tests.plugins.page_server import PageServer, answer, redirect, serving

PAGE = answer(b"<title>Oil</title><h1>When</h1><p>Once a week.</p>")
LONG_WAY = {f"/{step}": redirect(f"/{step + 1}", set_cookie="seen=1") for step in range(6)} | {"/6": PAGE, "/end": PAGE}


@pytest.fixture
async def server() -> AsyncIterator[PageServer]:
    pages = {
        "/": PAGE,
        "/a%20b?q=%C3%A4": PAGE,
        "/endless": redirect("/endless"),
        "/away": redirect("http://other.test/"),
        "/gone": answer(status=404),
        "/nowhere": answer(status=302),
        **LONG_WAY,
    }
    async with serving(pages) as server:
        yield server


# --- what it gives


async def test_it_is_off_until_it_is_turned_on() -> None:
    async with opened("fetch_page") as registry:
        assert await registry.tools() == ()
    off = MODULE.Off()
    assert isinstance(off, WithholdingToolSource)
    assert "[plugins.fetch_page]" in off.withheld["fetch_page"]


async def test_turned_on_it_asks_for_an_address_and_for_a_yes() -> None:
    async with opened("fetch_page", settings={"enabled": True}) as registry:
        (tool,) = await registry.tools()
    assert tool.effects
    assert list(tool.parameters["properties"]) == ["url"]


async def test_a_page_is_given_with_its_title_address_and_text(server: PageServer) -> None:
    result = await read(fetcher(server.port), f"http://pages.test:{server.port}/")
    assert result == f"Title: Oil\n\nAddress: http://pages.test:{server.port}/\n\n# When\n\nOnce a week."


async def test_a_long_text_is_cut_and_says_so(server: PageServer) -> None:
    result = await read(fetcher(server.port), f"http://pages.test:{server.port}/", max_chars=6)
    assert result.endswith("\n\n# When\n\n[The page goes on; this is its beginning.]")


async def test_an_address_may_hold_any_letters(server: PageServer) -> None:
    names = Names(**{"xn--bcher-kva_test": [[HERE]]})
    await read(fetcher(server.port, names=names), f"http://bücher.test:{server.port}/a b?q=ä#c")
    assert server.asked[0].startswith("GET /a%20b?q=%C3%A4 HTTP/1.1\r\n")


@pytest.mark.parametrize(("path", "said"), [("/gone", "status 404"), ("/nowhere", "status 302")])
async def test_an_answer_without_a_page_is_refused(server: PageServer, path: str, said: str) -> None:
    with pytest.raises(ToolRefused, match=said):
        await read(fetcher(server.port), f"http://pages.test:{server.port}{path}")


# --- whom it asks


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"],
)
async def test_this_machine_is_not_asked_however_it_is_written(server: PageServer, host: str) -> None:
    async with opened("fetch_page", settings={"enabled": True, "ports": [server.port]}) as registry:
        with pytest.raises(ToolRefused, match=r"not on the public internet|there is no host"):
            await use(registry, "fetch_page", url=f"http://{host}:{server.port}/")
    assert server.asked == []


async def test_a_host_of_whose_addresses_one_is_private_is_not_asked(server: PageServer) -> None:
    names = Names(pages_test=[[HERE, "10.0.0.1"]])
    with pytest.raises(ToolRefused, match=r"'pages\.test' is not on the public internet"):
        await read(fetcher(server.port, names=names), f"http://pages.test:{server.port}/")
    assert server.asked == []


async def test_a_name_that_changes_its_address_was_looked_up_once(server: PageServer) -> None:
    names = Names(pages_test=[[HERE], ["10.0.0.1"]])
    await read(fetcher(server.port, names=names), f"http://pages.test:{server.port}/")
    assert names.looked_up == ["pages.test"]
    assert f"\r\nHost: pages.test:{server.port}\r\n" in server.asked[0]


async def test_a_name_that_changes_its_address_between_redirects_is_checked_anew(server: PageServer) -> None:
    names = Names(pages_test=[[HERE], ["10.0.0.1"]])
    with pytest.raises(ToolRefused, match="not on the public internet"):
        await read(fetcher(server.port, names=names), f"http://pages.test:{server.port}/5")
    assert len(server.asked) == 1


async def test_the_next_address_is_asked_where_one_does_not_answer(server: PageServer) -> None:
    names = Names(pages_test=[["::1", HERE]])
    asking = fetcher(server.port, names=names, may_ask=lambda address: address in ("::1", HERE))
    assert "Once a week." in await read(asking, f"http://pages.test:{server.port}/")


@pytest.mark.parametrize("addresses", [[], ["::1"]])
async def test_a_host_that_cannot_be_reached_is_refused(server: PageServer, addresses: list[str]) -> None:
    asking = fetcher(server.port, names=Names(pages_test=[addresses]), may_ask=lambda _: True)
    with pytest.raises(ToolRefused, match=r"has no address|cannot be read from"):
        await read(asking, f"http://pages.test:{server.port}/")


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "exa%6dple", "unknown.test", "unknown.test.", "1.2.3.4.5"])
async def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(ToolRefused, match="there is no host"):
        await read(fetcher(80), f"http://{host}/")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("file:///etc/passwd", "'file', not http or https"),
        ("ftp://pages.test/", "'ftp', not http or https"),
        ("gopher://127.0.0.1:6379/_x", "'gopher', not http or https"),
        ("pages.test/oil", "not http or https"),
        ("", "not http or https"),
        ("http:///oil", "names no host"),
        ("http://user:word@pages.test/", "holds a name or a password"),
        ("http://pages.test\\@127.0.0.1/", "holds a name or a password"),
        ("http://pages.test:22/", "port 22 may not be asked"),
        ("http://pages.test:0/", "port 0 may not be asked"),
        ("http://pages.test:x/", "no address of a page"),
        ("http://pages.test/\r\nX: y", "no address of a page"),
        ("http://[::1/", "no address of a page"),
        ("http://pages.test/" + "a" * 2_000, "has 2,018 characters"),
    ],
)
async def test_an_address_that_is_no_public_pages_is_refused_unasked(url: str, said: str) -> None:
    names = Names()
    with pytest.raises(ToolRefused, match=said):
        await read(fetcher(80, 443, names=names), url)
    assert names.looked_up == []


async def test_only_hosts_that_are_allowed_are_asked_where_some_are_named(server: PageServer) -> None:
    asking = fetcher(server.port, allowed_hosts=["*.TEST", "bücher.example"])
    await read(asking, f"http://Pages.Test:{server.port}/")
    with pytest.raises(ToolRefused, match="not among the hosts that may be asked"):
        await read(asking, f"http://pages.test.example:{server.port}/")
    with pytest.raises(ToolRefused, match="there is no host"):
        await read(asking, f"http://xn--bcher-kva.example:{server.port}/")


async def test_a_host_that_is_allowed_by_name_must_be_public_too(server: PageServer) -> None:
    asking = fetcher(server.port, allowed_hosts=["inside.test"], names=Names(inside_test=[["10.0.0.1"]]))
    with pytest.raises(ToolRefused, match="not on the public internet"):
        await read(asking, f"http://inside.test:{server.port}/")


async def test_no_proxy_of_the_environment_is_asked(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert "Once a week." in await read(fetcher(server.port), f"http://pages.test:{server.port}/")


# --- where it is led


async def test_five_redirects_are_followed_and_the_last_address_is_told(server: PageServer) -> None:
    result = await read(fetcher(server.port), f"http://pages.test:{server.port}/1")
    assert f"Address: http://pages.test:{server.port}/6\n" in result
    assert len(server.asked) == 6


@pytest.mark.parametrize("path", ["/0", "/endless"])
async def test_more_are_not(server: PageServer, path: str) -> None:
    with pytest.raises(ToolRefused, match="leads on more than 5 times"):
        await read(fetcher(server.port), f"http://pages.test:{server.port}{path}")
    assert len(server.asked) == 6


async def test_nothing_that_a_page_sets_is_sent_to_the_next(server: PageServer) -> None:
    await read(fetcher(server.port), f"http://pages.test:{server.port}/5")
    assert not any(word in head.lower() for head in server.asked for word in ("cookie", "referer", "authorization"))


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest/meta-data/", "not on the public internet"),
        ("http://[fd00:ec2::254]/", "not on the public internet"),
        ("//2852039166/", "not on the public internet|there is no host"),
        ("file:///etc/passwd", "'file', not http or https"),
        ("http://user:word@pages.test/", "holds a name or a password"),
        ("http://pages.test:22/", "port 22 may not be asked"),
        ("http://[::1/", "no address of a page"),
        ("http://x/\x80\xff", "there is no host"),
    ],
)
async def test_a_redirect_leads_nowhere_where_an_address_may_not(location: str, said: str) -> None:
    async with serving({"/": redirect(location)}) as server:
        with pytest.raises(ToolRefused, match=said):
            await read(fetcher(server.port, 80), f"http://pages.test:{server.port}/")
        assert len(server.asked) == 1


async def test_a_redirect_to_a_host_that_is_not_allowed_is_not_followed(server: PageServer) -> None:
    with pytest.raises(ToolRefused, match=r"other\.test is not among the hosts"):
        await read(fetcher(server.port, 80, allowed_hosts=["pages.test"]), f"http://pages.test:{server.port}/away")


# --- how long it takes


async def test_all_of_it_is_bounded_in_time() -> None:
    async def drop_by_drop(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving({"/": drop_by_drop}) as server:
        with pytest.raises(ToolRefused, match=r"longer than 0\.3 s"):
            await read(fetcher(server.port), f"http://pages.test:{server.port}/", timeout=0.3)


async def test_so_are_redirects_each_of_which_is_fast_enough() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(redirect("/"))

    async with serving({"/": late}) as server:
        with pytest.raises(ToolRefused, match=r"longer than 0\.5 s"):
            await read(fetcher(server.port), f"http://pages.test:{server.port}/", timeout=0.5)
        assert 1 < len(server.asked) < 5
