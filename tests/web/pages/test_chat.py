"""The chat page's requests and fragments, as HTMX sends and reads them."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from mdsa_server import bundled
from mdsa_server.vocabulary.conversation import Conversation
from mdsa_server.vocabulary.turn import Turn
from mdsa_server.web.pages.answer_view import finished_answer
from mdsa_server.web.rendering import make_environment
from tests.fakes.script import DIES, HANGS, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer

HTMX = {"HX-Request": "true", "Accept": "text/html"}
ABSENT = "01890000-0000-7000-8000-000000000000"


async def begin(server: RunningServer, message: str = "Hello?", **fields: str) -> tuple[httpx.Response, str]:
    """Send a message as the page does; give the answer and the turn's id."""
    answer = await server.client.post("/chat/turns", data={"message": message, **fields}, headers=HTMX)
    assert answer.status_code == 200, answer.text
    found = re.search(r'id="answer-([0-9a-f-]+)"', answer.text)
    assert found is not None
    return answer, found[1]


async def whole_stream(server: RunningServer, turn: str, **headers: str) -> str:
    async with asyncio.timeout(10):
        return (await server.client.get(f"/chat/turns/{turn}/stream", headers=headers)).text


@asynccontextmanager
async def events_of(server: RunningServer, turn: str) -> AsyncIterator[AsyncIterator[str]]:
    """Follow a turn's stream, event by event."""

    async def events(lines: AsyncIterator[str]) -> AsyncIterator[str]:
        event: list[str] = []
        async for line in lines:
            if line:
                event.append(line)
            else:
                yield "\n".join(event)
                event = []

    async with server.client.stream("GET", f"/chat/turns/{turn}/stream") as response:
        yield events(response.aiter_lines())


async def test_a_first_message_begins_a_conversation_and_takes_the_reader_there(server: RunningServer) -> None:
    answer, turn = await begin(server)

    address = answer.headers["HX-Push-Url"]
    assert answer.headers["HX-Trigger"] == "conversations-changed"
    assert f'hx-sse:connect="/chat/turns/{turn}/stream"' in answer.text
    assert address.removeprefix("/chat/") in answer.text
    assert (await server.client.get(address)).status_code == 200


def test_a_turn_that_ended_before_it_could_be_shown_needs_neither_stream_nor_stop() -> None:
    turn = Turn(id="t", conversation="c", parent=None, message="Hello?", started=datetime.now(UTC), outcome="answered")
    environment = make_environment(bundled.templates(), bundled.static())
    conversation = Conversation(id="c", title="Hello?", created=turn.started, updated=turn.started, leaf="t")
    html = environment.get_template("fragments/turn_begun.html").render(
        answers=[finished_answer(turn)], conversation=conversation, beside={}, new=False
    )

    assert "hx-sse:connect" not in html
    assert "/cancel" not in html


async def test_a_further_message_stays_where_the_reader_is(server: RunningServer) -> None:
    first, _ = await begin(server)
    conversation = first.headers["HX-Push-Url"].removeprefix("/chat/")
    second, _ = await begin(server, "And?", conversation=conversation)

    assert "HX-Push-Url" not in second.headers
    page = (await server.client.get(f"/chat/{conversation}")).text
    assert page.count('class="turn"') == 2


async def test_without_scripts_a_message_leads_to_its_conversation(server: RunningServer) -> None:
    answer = await server.client.post("/chat/turns", data={"message": "Hello?"})

    assert answer.status_code == 303
    assert "Hello?" in (await server.client.get(answer.headers["Location"])).text


async def test_a_stream_ends_with_the_whole_answer_and_says_so(server: RunningServer) -> None:
    _, turn = await begin(server)
    stream = await whole_stream(server, turn)

    assert "<p>Hello there.</p>" in stream
    assert f'hx-target="#stop-{turn}" hx-swap="delete"' in stream
    assert stream.endswith("event: turn-ended\ndata:\n\n")


async def test_each_frame_holds_everything_so_far(server: RunningServer, model: ScriptedModel) -> None:
    more = asyncio.Event()
    model.says = ["Before", more, " and after."]
    _, turn = await begin(server)

    async with asyncio.timeout(10), events_of(server, turn) as events:
        while "Before" not in await anext(events):
            pass
        more.set()
        frames = [event async for event in events]
    assert any("<p>Before and after.</p>" in frame for frame in frames)


async def test_a_reader_who_had_everything_is_sent_nothing_until_there_is_more(
    server: RunningServer, model: ScriptedModel
) -> None:
    more = asyncio.Event()
    model.says = ["Before", more, " and after."]
    _, turn = await begin(server)
    async with asyncio.timeout(10), events_of(server, turn) as events:
        while "Before" not in (frame := await anext(events)):
            pass
    position = frame.splitlines()[0].removeprefix("id: ")

    again = asyncio.create_task(whole_stream(server, turn, **{"Last-Event-ID": position}))
    more.set()
    assert "<p>Before</p>" not in await again


async def test_a_turn_that_has_ended_is_shown_from_the_store(server: RunningServer) -> None:
    _, turn = await begin(server)
    live = await whole_stream(server, turn)
    stored = await whole_stream(server, turn)

    assert stored.startswith("data: ")
    assert stored.count("event: turn-ended") == 1
    assert stored in live


async def test_an_answer_of_many_lines_is_sent_as_one_event(server: RunningServer, model: ScriptedModel) -> None:
    model.says = ["```\none\r\ntwo\rthree\n```"]
    _, turn = await begin(server)
    final = (await whole_stream(server, turn)).split("\n\n")[-3]

    assert all(line.startswith("data: ") for line in final.splitlines())
    assert "data: two\ndata: three" in final


async def test_cancel_stops_the_engine(server: RunningServer, model: ScriptedModel, engine: ScriptedOllama) -> None:
    model.says = ["Half", HANGS]
    _, turn = await begin(server)
    async with asyncio.timeout(10), events_of(server, turn) as events:
        while "Half" not in await anext(events):
            pass
    answer = await server.client.post(f"/chat/turns/{turn}/cancel", headers=HTMX)

    assert answer.status_code == 204
    async with asyncio.timeout(5):
        await engine.until(lambda: engine.cut == 1)
    assert "Stopped. What had come of the answer is kept." in await whole_stream(server, turn)


async def test_a_stopped_answer_names_no_tokens(server: RunningServer, model: ScriptedModel) -> None:
    model.says = ["Half", HANGS]
    _, turn = await begin(server)
    async with asyncio.timeout(10), events_of(server, turn) as events:
        while "Half" not in await anext(events):
            pass
    await server.client.post(f"/chat/turns/{turn}/cancel", headers=HTMX)
    end = await whole_stream(server, turn)

    assert "in all" in end
    assert "token<" not in end
    assert "tokens<" not in end


async def test_a_failed_answer_may_be_tried_again_with_the_domain_that_was_asked_for(
    server: RunningServer, model: ScriptedModel
) -> None:
    model.says = [DIES]
    _, routed = await begin(server, "A & B?")
    form = await whole_stream(server, routed)
    assert '<input type="hidden" name="message" value="A &amp; B?">' in form
    assert 'name="domain"' not in form

    _, asked_for = await begin(server, "A & B?", domain="code")
    assert '<input type="hidden" name="domain" value="code">' in await whole_stream(server, asked_for)

    model.says = ["Fine."]
    _, answered = await begin(server)
    assert "<span>Again</span>" in (end := await whole_stream(server, answered))
    assert "Try again" not in end


async def test_turns_before_one_that_is_not_there_are_a_problem(server: RunningServer) -> None:
    first, _ = await begin(server)
    answer = await server.client.get(first.headers["HX-Push-Url"], params={"before": ABSENT})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-turn")


@pytest.mark.parametrize("message", ["", "   \n"])
async def test_an_empty_message_is_refused_as_a_fragment(server: RunningServer, message: str) -> None:
    answer = await server.client.post("/chat/turns", data={"message": message}, headers=HTMX)

    assert answer.status_code == 400
    assert 'class="problem"' in answer.text
    assert "<html" not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/chat/{ABSENT}"),
        ("GET", f"/chat/turns/{ABSENT}/stream"),
        ("POST", f"/chat/turns/{ABSENT}/cancel"),
        ("DELETE", f"/chat/conversations/{ABSENT}"),
    ],
)
async def test_what_is_not_there_is_a_problem_and_no_fault(server: RunningServer, method: str, path: str) -> None:
    answer = await server.client.request(method, path, headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "<!doctype html>" in answer.text


async def test_a_message_to_a_domain_that_is_not_there_is_refused(server: RunningServer) -> None:
    answer = await server.client.post("/chat/turns", data={"message": "Hello?", "domain": "nowhere"}, headers=HTMX)
    assert answer.status_code == 404
    assert "nowhere" in answer.text


async def test_the_list_finds_what_was_said(server: RunningServer) -> None:
    for message in ("About apples", "About pears"):
        _, turn = await begin(server, message)
        await whole_stream(server, turn)
    found = (await server.client.get("/chat/conversations", params={"query": "PEAR"}, headers=HTMX)).text

    assert "About pears" in found
    assert "About apples" not in found


async def test_the_list_goes_on_where_it_was_left(server: RunningServer) -> None:
    for number in range(31):
        await begin(server, f"Number {number}.")
    first = (await server.client.get("/chat/conversations")).text
    rest_of_it = re.search(r"/chat/conversations\?before=[0-9a-f-]+", first)
    assert rest_of_it is not None
    rest = (await server.client.get(rest_of_it[0])).text

    assert "Number 30." in first
    assert "Number 0." not in first
    assert "Number 0." in rest
    assert "before=" not in rest


@pytest.mark.parametrize(("title", "status"), [("Fruit", 200), ("", 400), ("x" * 201, 400)])
async def test_a_title_has_one_to_two_hundred_characters(server: RunningServer, title: str, status: int) -> None:
    first, _ = await begin(server)
    conversation = first.headers["HX-Push-Url"].removeprefix("/chat/")
    answer = await server.client.patch(f"/chat/conversations/{conversation}", data={"title": title}, headers=HTMX)
    assert answer.status_code == status


async def test_deleting_the_open_conversation_leads_out_of_it_and_stops_its_turn(
    server: RunningServer, model: ScriptedModel, engine: ScriptedOllama
) -> None:
    model.says = ["Half", HANGS]
    first, turn = await begin(server)
    address = first.headers["HX-Push-Url"]
    async with asyncio.timeout(10), events_of(server, turn) as events:
        while "Half" not in await anext(events):
            pass
    answer = await server.client.delete(
        address.replace("/chat/", "/chat/conversations/"),
        headers=HTMX | {"HX-Current-URL": f"{server.url}{address}"},
    )

    assert answer.headers["HX-Redirect"] == "/chat"
    assert (await server.client.get(address)).status_code == 404
    async with asyncio.timeout(5):
        await engine.until(lambda: engine.cut == 1)


async def test_the_page_allows_no_script_but_the_servers_own(server: RunningServer) -> None:
    page = await server.client.get("/chat")

    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=|hx-on|js:", page.text)
