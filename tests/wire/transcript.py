"""Recorded exchanges with a real Ollama, and how to hold an engine to them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

FOLDER = Path(__file__).parent / "transcripts"
RECORDED_MODEL = "smol"


@dataclass(frozen=True)
class Reply:
    """What came back: `bodies` holds the lines of a stream, or the one body; text that is no JSON as it is."""

    status: int
    content_type: str
    bodies: list[Any]


@dataclass(frozen=True)
class Transcript:
    """One recorded exchange, told of another model."""

    method: str
    path: str
    request: Any
    reply: Reply

    @classmethod
    def read(cls, name: str, model: str) -> "Transcript":
        text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
        for quoted in ('"{}"', "'{}'", '\\"{}\\"'):
            text = text.replace(quoted.format(RECORDED_MODEL), quoted.format(model))
        recorded = json.loads(text)
        bodies = recorded["lines"] if "lines" in recorded else [recorded["body"]]
        reply = Reply(recorded["status"], recorded["content_type"], bodies)
        return cls(recorded["method"], recorded["path"], recorded["request"], reply)


async def ask(url: str, method: str, path: str, request: Any = "") -> Reply:
    """Send a request as recorded: an object as JSON, text as it is."""
    data = request if isinstance(request, str) else json.dumps(request)
    headers = {"Content-Type": "application/json"} if method != "GET" else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, data=data or None, headers=headers) as response,
    ):
        text = await response.text()
        content_type = response.headers.get("Content-Type", "")
    if "ndjson" in content_type:
        return Reply(response.status, content_type, [json.loads(line) for line in text.splitlines() if line])
    try:
        return Reply(response.status, content_type, [json.loads(text)])
    except ValueError:
        return Reply(response.status, content_type, [text])


def differences(recorded: Any, given: Any, where: str = "") -> list[str]:
    """Say what the recorded shape has that is missing or of another type; what is given beside it is welcome."""
    if isinstance(recorded, dict) and isinstance(given, dict):
        return [
            fault
            for name, value in recorded.items()
            for fault in (
                differences(value, given[name], f"{where}.{name}") if name in given else [f"{where}.{name} is missing"]
            )
        ]
    if isinstance(recorded, list) and isinstance(given, list):
        return differences(recorded[0], given[0], f"{where}[0]") if recorded and given else []
    if _kind(recorded) != _kind(given):
        return [f"{where} is a {_kind(given)}, recorded as a {_kind(recorded)}"]
    return []


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__
