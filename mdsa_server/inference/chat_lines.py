"""Read the lines of a streamed chat answer: bytes as they come off the socket in, chunks of answer out. Pure."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from mdsa_server.errors import EngineDied
from mdsa_server.inference.engine_faults import died

NANOSECONDS = 1e-9
# No honest line is near this; without a bound, an engine that never ends one would fill our memory.
LONGEST_LINE = 16 * 1024 * 1024
# Bytes of lines; some 300,000 tokens come in so many. Engines end a model that repeats itself long before.
LONGEST_ANSWER = 32 * 1024 * 1024
# What the decoder raises: it leaves it to others to say that bytes are no text, or that they are nested too deeply.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
# What is more is no count, and no column of the store holds it.
Count = Annotated[int, Meta(ge=0, lt=2**53)]


class ChatChunk(Struct, frozen=True, kw_only=True):
    """A piece of an answer: the text of all lines that arrived together. The last one has `done`."""

    content: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = []
    done: bool = False
    done_reason: str = ""
    """`stop`, `length`, `load` or `unload`."""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    load_seconds: float = 0.0
    prompt_seconds: float = 0.0
    answer_seconds: float = 0.0


class _Said(Struct, frozen=True):
    content: str = ""
    thinking: str = ""
    tool_calls: list[dict[str, Any]] = []


class _Line(Struct):
    """One line of the wire; fields that we have no use for are skipped, not decoded."""

    message: _Said = _Said()
    error: str = ""
    done: bool = False
    done_reason: str = ""
    prompt_eval_count: Count = 0
    eval_count: Count = 0
    load_duration: Count = 0
    prompt_eval_duration: Count = 0
    eval_duration: Count = 0


class ChatLines:
    """Takes the bytes of one answer in pieces of any size."""

    def __init__(self) -> None:
        self.fault: EngineDied | None = None
        """Set once a line reports an error or cannot be read; what came before it was given."""
        self._decoder = msgspec.json.Decoder(_Line)
        self._rest = b""
        self._bytes = 0

    def feed(self, block: bytes) -> ChatChunk | None:
        """Give what `block` completes, as one chunk; None where it completes nothing."""
        self._bytes += len(block)
        block = self._rest + block if self._rest else block
        end = block.rfind(b"\n") + 1
        self._rest = block[end:]
        if len(self._rest) > LONGEST_LINE:
            self.fault = died(f"The engine sent more than {LONGEST_LINE} bytes without ending the line.")
        if self._bytes > LONGEST_ANSWER:
            self.fault = died(f"The engine sent more than {LONGEST_ANSWER:,} bytes without coming to its end.")
        if not end:
            return None
        try:
            lines = self._decoder.decode_lines(block[:end])
        except UNREADABLE:
            lines = self._readable(block[:end])
        for number, line in enumerate(lines):
            if line.error:
                self.fault = died(f"The engine broke off: {line.error}")
                lines = lines[:number]
                break
        return _joined(lines) if lines else None

    def _readable(self, block: bytes) -> list[_Line]:
        """Read the lines before the first that cannot be, which becomes the fault."""
        lines: list[_Line] = []
        for text in block.splitlines():
            try:
                lines.append(self._decoder.decode(text))
            except UNREADABLE as error:
                self.fault = died(f"The engine sent a line that cannot be read: {error}")
                break
        return lines


def _joined(lines: list[_Line]) -> ChatChunk:
    if len(lines) == 1 and not lines[0].done:
        said = lines[0].message
        return ChatChunk(content=said.content, thinking=said.thinking, tool_calls=said.tool_calls)
    last = next((line for line in lines if line.done), lines[-1])
    return ChatChunk(
        content="".join([line.message.content for line in lines]),
        thinking="".join([line.message.thinking for line in lines]),
        tool_calls=[call for line in lines for call in line.message.tool_calls],
        done=last.done,
        done_reason=last.done_reason,
        prompt_tokens=last.prompt_eval_count,
        answer_tokens=last.eval_count,
        load_seconds=last.load_duration * NANOSECONDS,
        prompt_seconds=last.prompt_eval_duration * NANOSECONDS,
        answer_seconds=last.eval_duration * NANOSECONDS,
    )
