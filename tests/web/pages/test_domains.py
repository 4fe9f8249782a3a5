"""The page of domains tells what each has, where a message would go, and how good that was found to be."""

from html import unescape
from pathlib import Path
from typing import Any

import pytest

from mdsa_server.evaluation.kept import keep
from tests.evaluation import results
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import DOMAINS, RunningServer, make_settings, running
from tests.web.api.reading import ask, rooms_of

PAGE = {"Accept": "text/html"}


async def page(server: RunningServer, **query: str) -> str:
    answer = await server.client.get("/domains", params=query, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def part(text: str, name: str) -> str:
    """Give the part of the page that is about one domain."""
    return text.partition(f'id="domain-{name}"')[2].partition('<details id="domain-')[0]


def with_code(**keys: Any) -> dict[str, Any]:
    return DOMAINS | {"code": DOMAINS["code"] | keys}


async def test_a_domain_is_shown_with_all_that_it_names_and_what_there_is_of_it(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    code = with_code(
        models=["absent:7b", "scripted:1b"],
        examples=["sort a list"],
        instructions="Be <brief>.",
        collections=["pumps"],
        tools=["now", "mcp.files.*"],
        options={"num_ctx": 4096},
    )
    servers = {"files": {"command": ["no-such-program"]}}
    settings = make_settings(tmp_path, engine=engine.url, domains=code, plugins={"mcp_tools": {"servers": servers}})
    async with running(settings) as server:
        raw = (await server.client.get("/domains", headers=PAGE)).text
    told = part(unescape(raw), "code")
    for expected in (
        "Questions about programs",
        "not there: <code>mdsa models pull absent:7b</code>",
        "sort a list",
        '<a class="data" href="/tools?tool=now">now</a>',
        "num_ctx = 4096",
        "empty",
        "python",
    ):
        assert expected in told
    assert "mcp.files.*</span> is not on offer now" in told
    assert "Be &lt;brief&gt;." in raw
    assert "the default model" in part(unescape(raw), "general")
    assert "fallback" in part(unescape(raw), "general")


async def test_without_an_engine_nothing_is_said_of_its_models(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, engine="http://127.0.0.1:9", domains=with_code(model="absent:7b"))
    async with running(settings) as server:
        told = part(await page(server), "code")
    assert "the engine does not tell" in told
    assert "mdsa models pull" not in told


async def test_examples_that_corrections_taught_are_told_apart(server: RunningServer) -> None:
    turn = await ask(server.client, "my loop is slow")
    said = await server.client.post(f"/api/turns/{turn['id']}/correction", json={"domain": "code"})
    assert "1 to review" in await page(server)
    await server.client.post(f"/api/corrections/{said.json()['id']}/accept", json={"force": True})
    text = await page(server)
    assert "1 to review" not in text
    assert "1 correction among them" in part(text, "code")
    assert "my loop is slow <span" in part(text, "code")


async def test_a_message_is_shown_where_it_would_go_and_what_each_router_said(
    server: RunningServer,
) -> None:
    text = await page(server, message="a python function")
    trial = text.partition('id="trial"')[2].partition('id="evaluations"')[0]
    assert "code" in trial.partition("</h3>")[0]
    assert "keyword_router" in trial
    assert 'value="a python function"' in text
    assert (await server.client.get("/api/conversations")).json()["conversations"] == []


async def test_what_a_message_goes_on_from_is_heeded_and_stays_chosen(server: RunningServer) -> None:
    text = await page(server, message="and then?", after="code")
    assert '<option value="code" selected>' in text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"message": " "}, 400),
        ({"message": "x" * 20_000}, 413),
        ({"message": "hello", "after": "nothing"}, 404),
    ],
)
async def test_what_cannot_be_routed_is_a_problem_on_the_page(
    tmp_path: Path, engine: ScriptedOllama, query: dict[str, str], status: int
) -> None:
    settings = make_settings(tmp_path, engine=engine.url, server={"max_message_chars": 10_000})
    async with running(settings) as server:
        answer = await server.client.get("/domains", params=query, headers=PAGE)
    assert answer.status_code == status
    assert "To mend it" in answer.text
    assert "2 domains" in answer.text


async def test_what_a_user_types_stays_text(server: RunningServer) -> None:
    answer = await server.client.get("/domains", params={"message": '"><script>alert(1)</script>'}, headers=PAGE)
    assert "<script>alert" not in answer.text


async def test_routers_that_are_out_of_use_are_named(server: RunningServer) -> None:
    rooms_of(server).registry.disable("keyword_router")
    text = await page(server, message="a python function")
    assert "Not asked, for their plugins are out of use" in text
    assert "No router had a view" in text


async def test_few_domains_are_unfolded_and_many_are_lines(tmp_path: Path, engine: ScriptedOllama) -> None:
    many = DOMAINS | {f"topic{number}": {"description": f"Topic {number}"} for number in range(40)}
    async with running(make_settings(tmp_path, engine=engine.url, domains=many)) as server:
        text = await page(server, domain="topic7")
    assert "42 domains" in text
    assert [name for name in many if part(text, name).partition(">")[0].endswith(" open")] == ["topic7"]


async def test_evaluations_are_shown_with_their_reports_behind_them(server: RunningServer) -> None:
    folder = rooms_of(server).data_folder
    assert "mdsa evaluate routes --test" in await page(server)
    assert (await server.client.get("/domains/report", headers=PAGE)).status_code == 404
    keep(folder, results.of_routes())
    keep(folder, results.of_retrieval())
    text = await page(server)
    assert "66.7 %" in text
    assert text.count("Of another configuration than the one in force") == 2
    for address, told in (
        ("/domains/report", "&lt;b&gt;bold&lt;/b&gt; question"),
        ("/domains/report/routes", "&lt;b&gt;bold&lt;/b&gt; question"),
        ("/domains/report/retrieval", "&lt;i&gt;stove&lt;/i&gt;"),
    ):
        answer = await server.client.get(address, headers=PAGE)
        assert answer.status_code == 200
        assert told in answer.text
        assert "<style" not in answer.text
        assert "/static/report.css" in answer.text
