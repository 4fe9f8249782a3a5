"""Streams of events carry any text whole, however it is cut on the way, and may be taken up from anything at all."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.cli.event_stream import events_of
from mdsa_server.vocabulary.events import Thinking, Token, TurnEvent
from mdsa_server.web.pages.answer_stream import event_data
from mdsa_server.web.streams import HEARTBEAT, event_frame, event_frames, last_event_id
from tests.fakes.script import ScriptedModel, Sends
from tests.fuzz.corpus import corpus
from tests.serving import RunningServer
from tests.web.conftest import client, server

__all__ = ["client", "server"]  # fixtures

# What ends lines somewhere: in this protocol, in Python, in JavaScript, or in terminals.
LINE_ENDS = "\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"
texts = st.text(st.sampled_from(f"{LINE_ENDS}\0\x1b\ufeff\u202e: aäεдата🦉") | st.characters(exclude_categories=["Cs"]))
events: st.SearchStrategy[list[TurnEvent]] = st.lists(
    st.builds(Token, at=st.just(0.0), text=texts) | st.builds(Thinking, at=st.just(0.0), text=texts), max_size=5
)


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def cut(content: bytes, places: list[int]) -> list[bytes]:
    """Cut at these places, as far as they are within."""
    ends = [0, *sorted({place % (len(content) + 1) for place in places}), len(content)]
    return [content[start:end] for start, end in pairwise(ends)]


def read_as_a_browser(content: str) -> list[dict[str, str]]:
    """Read a stream as the WHATWG's standard says (HTML, section 9.2.6)."""
    told, fields = [], dict[str, str]()
    for line in re.split("\r\n|\r|\n", content.removeprefix("\ufeff")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and "data" in fields:
            told.append(fields)
        if not line:
            fields = {}
        elif name == "data" and "data" in fields:
            fields["data"] += f"\n{value}"
        elif name:
            fields[name] = value
    return told


async def told(pieces: list[bytes]) -> list[tuple[str, object]]:
    return [one async for one in events_of(httpx.Response(200, stream=Pieces(pieces)))]


@given(events, st.lists(st.integers(0, 10_000), max_size=6))
def test_any_text_arrives_whole_in_a_browser_and_in_the_terminal(sent: list[TurnEvent], places: list[int]) -> None:
    stream = HEARTBEAT + event_frames(list(enumerate(sent, 1))) + HEARTBEAT
    as_sent = [(event.__struct_config__.tag, event.text) for event in sent if isinstance(event, Token | Thinking)]
    in_terminal = asyncio.run(told(cut(stream, places)))
    assert [(name, event["text"]) for name, event in in_terminal if isinstance(event, dict)] == as_sent
    in_browser = read_as_a_browser(stream.decode())
    assert [(one["event"], json.loads(one["data"])["text"]) for one in in_browser] == as_sent
    assert [one["id"] for one in in_browser] == [str(place) for place in range(1, len(sent) + 1)]


@given(texts)
def test_html_arrives_in_a_browser_line_by_line(text: str) -> None:
    (one,) = read_as_a_browser(event_data(text).decode())
    assert one == {"data": re.sub("\r\n|\r", "\n", text)}


def test_half_of_a_surrogate_pair_is_no_text_that_a_stream_could_hold() -> None:
    with pytest.raises(UnicodeEncodeError):
        event_frame(1, Token(at=0.0, text="\ud800"))


@pytest.mark.parametrize("name", corpus("streams"))
def test_a_stream_that_breaks_off_gives_what_was_whole(name: str) -> None:
    content = corpus("streams")[name]
    assert asyncio.run(told([content])) == [("token", {"text": "whole"})]
    assert asyncio.run(told([content[place : place + 1] for place in range(len(content))])) == [
        ("token", {"text": "whole"})
    ]


@given(st.none() | st.text(max_size=40) | st.integers().map(str) | st.text("0123456789٣²-+_. ", max_size=40))
def test_any_last_event_id_is_a_position(value: str | None) -> None:
    assert 0 <= last_event_id(value) < 10**18


def line(content: str) -> Callable[[object], list[Sends | str]]:
    said = {"model": "scripted:1b", "created_at": "2026-01-01T00:00:00Z", "done": False}
    wire = json.dumps(said | {"message": {"role": "assistant", "content": content}}).encode() + b"\n"
    return lambda _: [Sends(wire), "Hello."]


async def test_whatever_a_model_says_is_streamed_to_its_end_and_can_be_followed_again(
    server: RunningServer, model: ScriptedModel
) -> None:
    frames = "\r\n\r\ndata: x\n\nevent: turn_finished\ndata: {}\n\n"
    for said in (
        frames,
        LINE_ENDS,
        "\0\x1b[2J\x9b",
        "\ufeff",
        "\u202eevil",
        "</hx-partial><script>",
        "\ud800",
        "\udfff",
    ):
        model.says = line(said)
        answer = await server.client.post("/api/chat", json={"message": "?"}, headers={"Accept": "text/event-stream"})
        whole = read_as_a_browser(answer.text)
        # Half of a surrogate pair is no line of the engine's that can be read.
        end = "turn_failed" if "\ud800" <= said <= "\udfff" else "turn_finished"
        assert [one["event"] for one in whole].index(end) == len(whole) - 1, ascii(said)
        text = "".join(json.loads(one["data"])["text"] for one in whole if one["event"] == "token")
        assert text == (f"{said}Hello." if end == "turn_finished" else ""), ascii(said)
        address = f"/api/turns/{answer.headers['X-MDSA-Turn']}/events"
        for position in ("", "0", "-1", "9" * 30, "1; DROP", "\u00b2", str(whole[2]["id"])):
            again = await server.client.get(address, headers={b"Last-Event-ID": position.encode()})
            rest = read_as_a_browser(again.text)
            assert rest == (whole[3:] if position == whole[2]["id"] else whole), (ascii(said), position)
        page = await server.client.get(f"/chat/turns/{answer.headers['X-MDSA-Turn']}/stream")
        assert "<script>" not in page.text
        assert read_as_a_browser(page.text)[-1]["event"] == "turn-ended", ascii(said)
