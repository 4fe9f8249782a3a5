"""The page of tools: listed by plugin, tried by hand, with scripts and without."""

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running
from tests.tool_plugin import tool_settings

HTMX = {"HX-Request": "true", "Accept": "text/html"}
PLAIN = {"Accept": "text/html"}
DOMAINS_WITH_TOOLS = DOMAINS | {"code": DOMAINS["code"] | {"tools": ["now", "mcp.files.read"]}}
SIGN = {"argument.title": "Hello", "argument.day": "2024-05-31", "argument.color": '"red"', "argument.times": "2"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(tool_settings(tmp_path, engine=engine.url, domains=DOMAINS_WITH_TOOLS)) as server:
        yield server


async def page(server: RunningServer, address: str = "/tools") -> str:
    answer = await server.client.get(address, headers=PLAIN)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def part_of(page: str, tool: str) -> str:
    return page.partition(f'<h3 class="tool-name">{tool}</h3>')[2].partition('<h3 class="tool-name">')[0]


async def called(
    server: RunningServer, tool: str, fields: dict[str, str] | None = None, headers: dict[str, str] = HTMX
) -> httpx.Response:
    form = {"tool": tool, "place": "1-1"} | (fields or {})
    return await server.client.post("/tools/call", data=form, headers=headers)


async def test_tools_are_listed_by_plugin_with_what_is_known_of_them(server: RunningServer) -> None:
    shown = await page(server)
    assert shown.index(">calculator</span>") < shown.index(">clock</span>") < shown.index(">signs</span>")
    assert '<a href="/tools" aria-current="page">Tools</a>' in shown
    now, send, erase = part_of(shown, "now"), part_of(shown, "send"), part_of(shown, "mcp.files.erase")
    assert "Tell the current time" in now
    assert "called at once" in now
    assert 'Offered to the model of <span class="data">code</span>.' in now
    assert "No domain offers it" in send
    assert "has effects" in send
    assert "asks first" in send
    assert "never called" in erase
    assert "<form" not in erase
    assert "Nobody may call it" in erase
    assert "It dries by itself." in part_of(shown, "paint")


async def test_a_form_has_a_field_for_each_parameter_with_its_default(server: RunningServer) -> None:
    form = part_of(await page(server), "paint")
    for written in (
        '<span class="quiet">required</span>',
        "What stands on it</p>",
        'type="date"',
        '<option value="">choose one</option>',
        '<option value=""red"">red</option>',
        'value="2" step="1" min="1" max="9"',
        'value="1.5" step="any"',
        'name="argument.glossy" checked',
        '<option value="">left out</option>',
        "optional, one a line",
        "optional, as JSON",
        "<option selected>general</option><option>code</option>",
    ):
        assert written in form, written


async def test_one_tool_can_be_linked_to_unfolded(server: RunningServer) -> None:
    assert (await page(server)).count('<details class="tool" open>') == 0
    shown = await page(server, "/tools?tool=now")
    assert shown.count('<details class="tool" open>') == 1
    assert '<details class="tool" open>' in shown.partition(">now</h3>")[0][-80:]
    assert '<details class="tool" open>' not in await page(server, "/tools?tool=nothing")


async def test_what_is_written_is_called_and_the_result_shown_in_the_form(server: RunningServer) -> None:
    answer = await called(server, "paint", SIGN | {"argument.tags": "a\r\nb", "domain": "code"})
    shown = unescape(answer.text)
    assert (answer.status_code, shown.lstrip().startswith('<form id="try-1-1"')) == (200, True)
    assert "It returned</strong>" in shown
    assert '"tags": [\n    "a",\n    "b"\n  ]' in shown
    assert '"glossy": false' in shown, "a box that is not ticked is not sent"
    assert 'mdsa tools call paint \'{"title": "Hello"' in shown
    assert "--domain code</code>" in shown
    assert "\nHello</textarea>" in shown
    assert "<option selected>code</option>" in shown


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("refuse", ("It refused</strong>", "there is no such city. Name a large one.")),
        ("break_down", ("It failed</strong>", "plugin signs, tool break_down")),
        ("tell_all", ("It returned</strong>", '<span class="chip">cut</span>', "[cut: 20,000 characters in all]")),
        ("whoami", ("local for general, conversation None",)),
    ],
)
async def test_the_outcome_is_told_in_words(server: RunningServer, tool: str, told: tuple[str, ...]) -> None:
    answer = await called(server, tool)
    assert answer.status_code == 200
    assert [words for words in told if words not in unescape(answer.text)] == []


async def test_what_the_tool_does_not_take_is_told_as_it_tells_models(server: RunningServer) -> None:
    shown = unescape((await called(server, "paint", SIGN | {"argument.times": "99"})).text)
    assert "It was not called</strong>" in shown
    assert "<code>int</code> <= 9" in shown
    assert "<code>$.times</code>" in shown


async def test_what_is_wrong_in_a_field_is_told_beside_it_and_all_that_was_written_stays(
    server: RunningServer,
) -> None:
    answer = await called(server, "paint", SIGN | {"argument.day": "", "argument.at": "{x: 1}"})
    shown = unescape(answer.text)
    assert answer.status_code == 422
    assert "2 fields to mend" in shown
    assert shown.count('aria-invalid="true"') == 2
    assert 'class="tool-fault">This is needed.' in shown
    assert "This is no JSON: line 1, column 2" in shown
    assert "\n{x: 1}</textarea>" in shown
    assert "\nHello</textarea>" in shown


async def test_what_a_tool_says_is_text_and_never_markup(server: RunningServer) -> None:
    raw = (await called(server, "send", {"argument.text": "<b>&</b></textarea>"})).text
    assert "sent &lt;b&gt;&amp;&lt;/b&gt;" in raw
    assert "<b>" not in raw


@pytest.mark.parametrize(
    ("tool", "fields", "status", "told"),
    [
        ("nwo", {}, 404, "Did you mean now?"),
        ("", {}, 404, "There is no such tool"),
        ("mcp.files.erase", {"argument.path": "a"}, 403, "The tool may not be called"),
        ("now", {"domain": "cooking"}, 404, "There is no such domain"),
    ],
)
async def test_what_cannot_be_called_is_a_problem_in_the_forms_place(
    server: RunningServer, tool: str, fields: dict[str, str], status: int, told: str
) -> None:
    answer = await called(server, tool, fields)
    assert (answer.status_code, told in unescape(answer.text)) == (status, True), answer.text
    assert answer.text.lstrip().startswith('<section class="problem"')


async def test_a_plain_form_is_shown_the_whole_page_with_the_outcome_in_it(server: RunningServer) -> None:
    answer = await called(server, "send", {"argument.text": "hello"}, PLAIN)
    shown = unescape(answer.text)
    assert "<!doctype html>" in shown
    assert "sent hello" in part_of(shown, "send")
    assert shown.count('<details class="tool" open>') == 1
    faulty = await called(server, "send", headers=PLAIN)
    assert (faulty.status_code, "This is needed." in part_of(faulty.text, "send")) == (422, True)


@pytest.mark.parametrize("body", [b"", b"tool=now&argument.zone=%ff%fe", b"tool=now&argument.zone=%00", b"%%%=&&="])
async def test_odd_forms_never_break_the_server(server: RunningServer, body: bytes) -> None:
    headers = HTMX | {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await server.client.post("/tools/call", content=body, headers=headers)
    assert answer.status_code < 500, answer.text


async def test_the_welcome_page_leads_there_and_says_how_many_there_are(server: RunningServer) -> None:
    tools = (await server.client.get("/api/tools")).json()
    assert f'<a href="/tools">{len(tools)} tools to try</a>' in await page(server, "/")


async def test_a_server_without_tools_says_so(tmp_path: Path, engine: ScriptedOllama) -> None:
    disabled = {"disabled": ["clock", "calculator", "search_documents", "embedding_router"]}
    async with running(make_settings(tmp_path / "none", engine=engine.url, plugin_host=disabled)) as server:
        assert "No plugin offers a tool" in await page(server)
        assert '<a href="/tools">None</a>' in await page(server, "/")
