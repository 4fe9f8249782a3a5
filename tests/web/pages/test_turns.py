"""The pages of turns: the list, one turn, two of them compared, and running one again."""

import asyncio
import re

import httpx
import pytest

from mdsa_server.monitor.trace import Span, Trace
from mdsa_server.vocabulary.events import Token, TurnFinished
from mdsa_server.vocabulary.turn import Ledger, Timings
from mdsa_server.web.pages.turn_bars import SCALE, exactly, lanes_of, shares_of, ticks_of
from tests.fakes.script import DIES, HANGS, ScriptedModel
from tests.serving import RunningServer
from tests.web.api.reading import ask, rooms_of
from tests.web.pages.test_chat import ABSENT, HTMX

BROWSER = {"Accept": "text/html"}


async def page_of(server: RunningServer, path: str, **address: str) -> str:
    answer = await server.client.get(path, params=address or None, headers=BROWSER)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_the_list_shows_turns_newest_first_and_leads_to_each(server: RunningServer) -> None:
    empty = await page_of(server, "/turns")
    assert "None of your messages is here yet." in empty
    first, second = await ask(server.client, "pears"), await ask(server.client, "a python function")
    page = await page_of(server, "/turns")
    assert page.index(f'href="/turns/{second["id"]}"') < page.index(f'href="/turns/{first["id"]}"')
    assert "1 → 3" in page


async def test_the_list_is_narrowed_by_words_outcome_and_domain(server: RunningServer, model: ScriptedModel) -> None:
    await ask(server.client, "pears")
    await ask(server.client, "a python function")
    model.says = [DIES]
    await server.client.post("/api/chat", json={"message": "plums"})
    for address, found in (
        ({"query": "pea"}, {"pears"}),
        ({"outcome": "failed", "domain": ""}, {"plums"}),
        ({"domain": "code"}, {"a python function"}),
        ({"query": '"(', "domain": "code"}, set()),
    ):
        page = await page_of(server, "/turns", **address)
        assert {text for text in ("pears", "a python function", "plums") if f">{text}</a>" in page} == found
    assert "No turn is like that." in page


async def test_the_list_goes_on_where_it_was_left(server: RunningServer) -> None:
    conversations = rooms_of(server).conversations
    for number in range(51):
        await conversations.begin_turn("local", None, f"number {number} & more")
    page = await page_of(server, "/turns", query="more")
    more = re.search(r'href="(/turns\?query=more&amp;before=[0-9a-f-]+)"', page)
    assert more is not None
    assert ">number 0 &amp; more<" not in page
    rest = await page_of(server, more[1].replace("&amp;", "&"))
    assert ">number 0 &amp; more<" in rest
    assert "Show more" not in rest


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/turns?outcome=lost", 400),
        (f"/turns?query={'x' * 401}", 400),
        (f"/turns?domain={'x' * 401}", 400),
        (f"/turns?before={ABSENT}", 404),
        (f"/turns/{ABSENT}", 404),
        ("/turns/%F0%9F%8D%90", 404),
        ("/chat/" + ABSENT + "?turn=x", 404),
    ],
)
async def test_nonsense_is_told_on_a_page(server: RunningServer, path: str, status: int) -> None:
    answer = await server.client.get(path, headers=BROWSER)
    assert answer.status_code == status
    assert "<!doctype html>" in answer.text


async def test_a_turn_is_shown_with_its_time_route_context_and_answer(server: RunningServer) -> None:
    turn = await ask(server.client, "Explain this python function")
    page = await page_of(server, f"/turns/{turn['id']}")
    for words in ("Choose a domain", "Read the prompt", "Write the answer", "keyword_router", "Hello there."):
        assert words in page
    assert 'id="context"' in page
    assert f'href="/chat/{turn["conversation"]}?turn={turn["id"]}#turn-{turn["id"]}"' in page
    assert "hx-trigger" not in page.split('id="turn"')[1].split(">")[0]


async def test_a_failed_turn_is_shown_with_its_problem(server: RunningServer, model: ScriptedModel) -> None:
    model.says = ["Half", DIES]
    failed = await server.client.post("/api/chat", json={"message": "plums"})
    page = await page_of(server, f"/turns/{failed.headers['X-MDSA-Turn']}")
    assert 'class="problem"' in page
    assert "Half" in page


async def test_a_running_turn_is_shown_as_far_as_it_has_come_and_asks_for_itself_again(
    server: RunningServer, model: ScriptedModel
) -> None:
    model.says = ["Half", HANGS]
    stream = await rooms_of(server).live_turns.start("local", "plums")
    async with asyncio.timeout(10):
        async for batch in stream.follow():
            if any(isinstance(event, Token) for _, event in batch):
                break
    page = await page_of(server, f"/turns/{stream.turn.id}")
    assert "Half" in page
    assert f'hx-get="/turns/{stream.turn.id}" hx-trigger="every 1s"' in page
    assert "So far" in page
    await rooms_of(server).live_turns.cancel("local", stream.turn.id)
    assert "every 1s" not in await page_of(server, f"/turns/{stream.turn.id}")


async def test_of_a_turn_whose_events_went_the_page_says_so(server: RunningServer) -> None:
    rooms = rooms_of(server)
    turn = await rooms.conversations.begin_turn("local", None, "long ago")
    end = TurnFinished(at=2.5, usage=None, timings=Timings(total=2.5, route=0.25), reason="stop")
    await rooms.turn_log.finish(turn, [end])
    page = await page_of(server, f"/turns/{turn.id}")
    assert "Only the end of this turn is kept" in page
    assert "keep_turns" in page
    assert "Choosing the domain took 250.0 ms" in page


async def test_a_turn_is_run_again_in_its_place_and_compared(server: RunningServer, model: ScriptedModel) -> None:
    first = await ask(server.client, "one")
    second = await ask(server.client, "two", conversation=first["conversation"])
    await ask(server.client, "three", conversation=first["conversation"])
    model.says = ["Good bye", " there."]
    answer = await server.client.post(f"/turns/{second['id']}/again")
    assert answer.status_code == 303
    address = httpx.URL(answer.headers["Location"])
    assert address.params["against"] == second["id"]
    again = address.path.removeprefix("/turns/")
    live = await rooms_of(server).live_turns.find("local", again)
    turn = await live.finished()

    assert (turn.parent, turn.message) == (first["id"], "two")
    page = await page_of(server, str(address))
    assert "<del>Hello</del>" in page
    assert "<ins>Good bye</ins>" in page
    assert "Version 2 of 2" in page
    shown = (await server.client.get(f"/api/conversations/{first['conversation']}")).json()
    assert [one["message"] for one in shown["turns"]] == ["one", "two", "three"]
    assert shown["turns"][1]["id"] == second["id"]


async def test_any_two_turns_can_be_compared(server: RunningServer) -> None:
    pears, python = await ask(server.client, "pears"), await ask(server.client, "a python function")
    page = await page_of(server, f"/turns/{python['id']}", against=pears["id"])
    assert "<ins>a python function</ins>" in page
    assert "Both are the same, word for word." in page
    assert re.search(r'is-changed"><th scope="row">Domain</th><td class="data">general</td>', page)
    answer = await server.client.get(f"/turns/{python['id']}", params={"against": ABSENT}, headers=BROWSER)
    assert answer.status_code == 404


async def test_running_again_what_is_not_there_is_a_problem(server: RunningServer) -> None:
    answer = await server.client.post(f"/turns/{ABSENT}/again", headers=BROWSER)
    assert answer.status_code == 404


async def test_a_message_sent_in_place_of_another_brings_its_branch_to_the_chat_page(server: RunningServer) -> None:
    first = await ask(server.client, "one")
    second = await ask(server.client, "two", conversation=first["conversation"])
    fields = {"message": "one, better", "conversation": first["conversation"], "instead_of": first["id"]}
    current = f"{server.url}/chat/{first['conversation']}?turn={second['id']}"
    answer = await server.client.post("/chat/turns", data=fields, headers=HTMX | {"HX-Current-URL": current})

    assert answer.status_code == 200
    assert answer.headers["HX-Replace-Url"] == f"/chat/{first['conversation']}"
    assert "2 of 2" in answer.text
    assert f'href="/chat/{first["conversation"]}?turn={first["id"]}#turn-{first["id"]}"' in answer.text
    assert ">two<" not in answer.text
    (begun,) = re.findall(r'<section id="turn-([0-9a-f-]+)"', answer.text)
    assert f'name="after" value="{begun}"' in answer.text
    page = await page_of(server, f"/chat/{first['conversation']}", turn=second["id"])
    assert "1 of 2" in page
    assert f'name="after" value="{second["id"]}"' in page


async def test_a_message_goes_on_from_the_turn_that_the_reader_saw(server: RunningServer) -> None:
    first = await ask(server.client, "one")
    await ask(server.client, "two, from another page", conversation=first["conversation"])
    fields = {"message": "two", "conversation": first["conversation"], "after": first["id"]}
    answer = await server.client.post("/chat/turns", data=fields, headers=HTMX)
    assert "2 of 2" in answer.text
    assert "from another page" not in await page_of(server, f"/chat/{first['conversation']}")


def test_bars_lie_on_the_scale_and_are_seen_however_short_they_are() -> None:
    embed = Span(kind="embed", start=0.0, end=0.0001)
    spans = (
        Span(kind="route", start=0.0, end=0.5, parts=(embed,)),
        Span(kind="load", name="m", start=0.5, end=9.9999),
        Span(kind="generate", start=9.9999, end=10.0),
    )
    lanes = lanes_of(Trace(seconds=10.0, ended=True, whole=True, spans=spans))
    assert [(lane.kind, lane.depth, lane.name) for lane in lanes] == [
        ("route", 0, ""),
        ("embed", 1, ""),
        ("load", 0, "m"),
        ("generate", 0, ""),
    ]
    assert all(lane.width >= 3 and lane.x >= 0 and lane.x + lane.width <= SCALE for lane in lanes)
    assert ticks_of(Trace(seconds=10.0, ended=True, whole=True)) == [0.0, 2.5, 5.0, 7.5, 10.0]
    assert lanes_of(Trace(seconds=0.0, ended=False, whole=True)) == []


def test_a_context_is_shared_out_to_its_end_or_beyond_it() -> None:
    ledger = Ledger(context=100, instructions=10, history=0, passages=40, question=5, reserve=20)
    shares = shares_of(ledger)
    assert [(share.name, share.tokens) for share in shares] == [
        ("instructions", 10),
        ("passages", 40),
        ("question", 5),
        ("kept for the answer", 20),
        ("free", 25),
    ]
    assert shares[-1].x + shares[-1].width == SCALE
    crowded = shares_of(Ledger(context=10, instructions=10, history=9, passages=0, question=5, reserve=2))
    assert "free" not in {share.name for share in crowded}
    assert sum(share.width for share in crowded) == pytest.approx(SCALE, abs=1)


def test_times_are_written_exactly() -> None:
    assert [exactly(span) for span in (0.0, 0.00042, 0.0123, 1.2344, 1234.5)] == [
        "0.0 ms",
        "0.4 ms",
        "12.3 ms",
        "1.234 s",
        "1,234.500 s",
    ]
