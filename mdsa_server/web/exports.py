"""A conversation as a file to take away: Markdown for people, JSON for programs."""

import re
from collections.abc import Callable

import msgspec

from mdsa_server.vocabulary.call_text import arguments_in_full, printable
from mdsa_server.vocabulary.conversation import Conversation
from mdsa_server.vocabulary.tools import ToolRun


def as_json(conversation: Conversation) -> bytes:
    """Write a conversation as the API gives it, for people to read."""
    return msgspec.json.format(msgspec.json.encode(conversation))


def call_as_markdown(run: ToolRun) -> list[str]:
    """Write a call of a tool as paragraphs: what was called and what became of it, its arguments, its result."""
    became = run.outcome or "not finished"
    denied = f" by {run.by}" if run.by else ", since nobody allowed it in time"
    allowed = {"given": f", allowed by {run.by}", "denied": denied}.get(run.approval, "")
    told = [fenced(arguments_in_full(run.arguments), "json"), *([fenced(run.result)] if run.result else [])]
    return [f"Tool {inline_code(printable(run.tool))}: {became}{allowed}{', result cut' if run.cut else ''}", *told]


def inline_code(text: str) -> str:
    """Write text as code within a line (CommonMark 6.1)."""
    marks = _longer_than_any(text, 1)
    return f"{marks} {text} {marks}" if "`" in text else f"{marks}{text}{marks}"


def fenced(text: str, language: str = "") -> str:
    """Write text as a block of code that nothing in it can end (CommonMark 4.5)."""
    marks = _longer_than_any(text, 3)
    return f"{marks}{language}\n{text}\n{marks}"


def _longer_than_any(text: str, least: int) -> str:
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))


def as_markdown(conversation: Conversation) -> bytes:
    """Write a conversation as a document."""
    parts = [f"# {conversation.title}"]
    for turn in conversation.turns:
        parts += ["## You", turn.message, f"## {turn.domain or 'No domain'}"]
        parts += [part for run in turn.tool_runs for part in call_as_markdown(run)]
        if turn.answer:
            parts.append(turn.answer)
        if turn.outcome == "cancelled":
            parts.append("*(stopped)*")
        if turn.problem:
            parts.append(f"*{turn.problem.title}: {turn.problem.detail}*")
    return ("\n\n".join(parts) + "\n").encode()


FORMS: dict[str, tuple[str, str, Callable[[Conversation], bytes]]] = {
    "markdown": ("text/markdown", "md", as_markdown),
    "json": ("application/json", "json", as_json),
}
"""By the name that asks for it: media type, a file's ending, and what writes it."""
