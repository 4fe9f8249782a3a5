"""The bodies of Ollama's HTTP: answers, stream lines and errors, in the shapes of a recorded 0.9.3."""

import json
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from mdsa_server.embedded_ollama.durations import nanoseconds

NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"

Body = dict[str, Any]


class Refused(Exception):
    """A request that is answered with an error; the words and the status are Ollama's."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def line(body: Mapping[str, Any]) -> bytes:
    """One line of a stream."""
    return encoded(body) + b"\n"


def reply(body: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=encoded(body), status=status, headers={"Content-Type": JSON})


def error_body(text: str) -> Body:
    return {"error": text}


def timestamp(at: float | None = None) -> str:
    """RFC 3339 in UTC with a fraction, as Go writes times; `at` is seconds since the epoch, now if None."""
    at = time.time() if at is None else at
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{whole}.{int(at % 1 * 1_000_000):06d}Z"


def chat_body(model: str, message: Mapping[str, Any] | None = None) -> Body:
    """A line of a chat answer that is not its last."""
    said = {"role": "assistant", "content": "", **(message or {})}
    return {"model": model, "created_at": timestamp(), "message": said, "done": False}


def generate_body(model: str, text: str = "") -> Body:
    """A line of a plain completion that is not its last."""
    return {"model": model, "created_at": timestamp(), "response": text, "done": False}


def finished(body: Body, reason: str, usage: Body | None = None) -> Body:
    """Make a body the last of its answer, `reason` being why it ends."""
    return {**body, "done_reason": reason, "done": True, **(usage or {})}


def usage_body(
    *,
    total: float,
    load: float,
    prompt_tokens: int,
    prompt_seconds: float,
    answer_tokens: int,
    answer_seconds: float,
) -> Body:
    """What an answer cost; seconds in, nanoseconds out."""
    return {
        "total_duration": nanoseconds(total),
        "load_duration": nanoseconds(load),
        "prompt_eval_count": prompt_tokens,
        "prompt_eval_duration": nanoseconds(prompt_seconds),
        "eval_count": answer_tokens,
        "eval_duration": nanoseconds(answer_seconds),
    }


def installed_body(name: str, *, digest: str, size: int, details: Body, modified: float) -> Body:
    """A row of `/api/tags`. Sizes are bytes, on disk here and in memory in `resident_body`."""
    return {
        "name": name,
        "model": name,
        "modified_at": timestamp(modified),
        "size": size,
        "digest": digest,
        "details": details,
    }


def resident_body(name: str, *, digest: str, size: int, details: Body, expires: float, context_length: int) -> Body:
    """A row of `/api/ps`; `context_length` is from newer servers than the recorded one."""
    return {
        "name": name,
        "model": name,
        "size": size,
        "digest": digest,
        "details": details,
        "expires_at": timestamp(expires),
        "size_vram": 0,
        "context_length": context_length,
    }


def details_body(*, family: str, parameter_size: str, quantization: str) -> Body:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": parameter_size,
        "quantization_level": quantization,
    }
