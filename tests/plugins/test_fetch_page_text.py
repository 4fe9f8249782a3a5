"""What of a page's HTML is text: read in a process of its own, which a hostile page can only end."""

import asyncio

import psutil
import pytest

from mdsa_server.plugin_api import ToolRefused
from tests.plugins.page_fetching import MODULE


async def text_of(html: str) -> str:
    text: str = (await MODULE.page_text(html, 1_000)).text
    return text


async def test_a_page_is_its_headings_paragraphs_and_lists() -> None:
    page = await MODULE.page_text(
        "<title> Care &amp;\n oil </title><h1>Oil</h1><p>Once a <b>week</b>,\n always.<ul><li>old out<li>new in</ul>"
        "<h2>Why</h2><pre>a\n  b</pre><table><tr><td>1<td>2<tr><td>3</table>one<br>two",
        1_000,
    )
    assert page.title == "Care & oil"
    assert page.text == (
        "# Oil\n\nOnce a week, always.\n\n- old out\n- new in\n\n## Why\n\na\n  b\n\n1 | 2\n3\n\none\ntwo"
    )
    assert page.whole


async def test_what_a_reader_does_not_see_is_left_out() -> None:
    assert (
        await text_of(
            "<p><script>a()</script><style>p {}</style><noscript>b</noscript><!-- c --><p hidden>d<p aria-hidden=true>e"
            "<svg><text>f</text></svg><template>g</template><select><option>h</select><p>seen"
        )
        == "seen"
    )


async def test_what_surrounds_every_page_of_a_site_is_left_out() -> None:
    page = "<header>site</header><nav>menu</nav><main><header>Its own</header><p>text</main><footer>legal</footer>"
    assert await text_of(page) == "Its own\n\ntext"


async def test_a_navigation_that_is_never_closed_does_not_hide_the_page() -> None:
    assert await text_of("<nav><p>all there is") == "all there is"


async def test_a_long_page_is_cut() -> None:
    page = await MODULE.page_text("<p>word " * 1_000, 50)
    assert len(page.text) == 50
    assert not page.whole


@pytest.mark.parametrize("html", ["", "<", "<!--", "<frameset>", "\0", "<p>&#xD800;", "<title>"])
async def test_whatever_is_written_is_read(html: str) -> None:
    assert await text_of(html) in ("", "<", "\ufffd")


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<div>" * 200_000, id="deep"),
        pytest.param("<p " + " ".join(f"a{number}" for number in range(200_000)) + ">", id="attributes"),
        pytest.param("<p>" + "".join(f"<b id={n}>" for n in range(1_000)) + "<p>x" * 100_000, id="reopened"),
    ],
)
async def test_a_page_made_to_take_all_time_or_memory_is_refused(html: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULE.page_text.__globals__, "MOST_SECONDS", 1)
    with pytest.raises(ToolRefused, match="too much to read"):
        await MODULE.page_text(html, 1_000)


async def test_a_turn_that_is_stopped_ends_the_process() -> None:
    before = {child.pid for child in psutil.Process().children()}
    reading = asyncio.create_task(MODULE.page_text("<div>" * 200_000, 1_000))
    while not (begun := {child.pid for child in psutil.Process().children()} - before):  # noqa: ASYNC110  # nothing but the system tells
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not begun & {child.pid for child in psutil.Process().children()}
