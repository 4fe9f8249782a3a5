"""However the bytes of a stream are cut, the same answer is read from them."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.inference import chat_lines
from mdsa_server.inference.chat_lines import ChatChunk, ChatLines


def said(content: str = "", **more: Any) -> bytes:
    """One line of a stream, as Ollama writes it."""
    message = {"role": "assistant", "content": content, **more}
    return (
        json.dumps({"model": "m", "created_at": "2026-11-23T03:34:17Z", "message": message, "done": False}).encode()
        + b"\n"
    )


END = (
    b'{"model":"m","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":5,'
    b'"load_duration":1500000000,"prompt_eval_count":14,"prompt_eval_duration":500000000,"eval_count":3,'
    b'"eval_duration":250000000}\n'
)


def read(blocks: list[bytes]) -> tuple[list[ChatChunk], ChatLines]:
    lines = ChatLines()
    chunks = [chunk for block in blocks if (chunk := lines.feed(block)) is not None]
    return chunks, lines


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.text(max_size=5), max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
def test_the_text_is_the_same_however_it_arrives(tokens: list[str], places: list[int]) -> None:
    data = b"".join(map(said, tokens)) + END
    chunks, lines = read(cut(data, places))
    assert "".join(chunk.content for chunk in chunks) == "".join(tokens)
    assert [chunk.done for chunk in chunks].count(True) == 1
    assert chunks[-1].done
    assert lines.fault is None


def test_lines_that_arrive_together_are_one_chunk() -> None:
    [chunk], _ = read([said("a") + said("b") + said("c")])
    assert chunk == ChatChunk(content="abc")


def test_the_last_line_tells_the_costs_in_seconds() -> None:
    [chunk], _ = read([END])
    assert (chunk.done, chunk.done_reason, chunk.prompt_tokens, chunk.answer_tokens) == (True, "stop", 14, 3)
    assert (chunk.load_seconds, chunk.prompt_seconds, chunk.answer_seconds) == pytest.approx((1.5, 0.5, 0.25))


def test_thinking_and_tool_calls_are_kept_apart_from_the_answer() -> None:
    call = {"function": {"name": "clock", "arguments": {"zone": "UTC"}}}
    [chunk], _ = read([said(thinking="Hm.") + said(tool_calls=[call]) + said("Noon.")])
    assert (chunk.thinking, chunk.content, chunk.tool_calls) == ("Hm.", "Noon.", [call])


def test_fields_that_are_not_known_are_passed_over() -> None:
    [chunk], lines = read([b'{"message":{"content":"a","images":[1]},"logprobs":{"x":[1]},"done":false}\n'])
    assert (chunk.content, lines.fault) == ("a", None)


@pytest.mark.parametrize("garbage", [b"nonsense\n", b'{"message":"not an object"}\n', b"[]\n", b"\xff\xfe\n"])
def test_what_came_before_a_line_that_cannot_be_read_is_kept(garbage: bytes) -> None:
    [chunk], lines = read([said("kept") + garbage + said("lost")])
    assert chunk.content == "kept"
    assert lines.fault is not None
    assert "cannot be read" in lines.fault.detail


def test_what_came_before_an_error_line_is_kept() -> None:
    [chunk], lines = read([said("kept") + b'{"error":"llama runner process has terminated"}\n' + said("lost")])
    assert chunk.content == "kept"
    assert lines.fault is not None
    assert "llama runner process has terminated" in lines.fault.detail


def test_a_line_that_never_ends_is_a_fault_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_lines, "LONGEST_LINE", 1000)
    lines = ChatLines()
    fed = 0
    while lines.fault is None and fed < 10_000:
        lines.feed(b"x" * 100)
        fed += 100
    assert fed <= 1100


def test_a_last_line_without_its_end_is_read_when_the_body_ends() -> None:
    lines = ChatLines()
    assert lines.feed(END.rstrip()) is None
    chunk = lines.feed(b"\n")
    assert chunk is not None
    assert chunk.done
