"""Read what a client asks for, and refuse what Ollama refuses in Ollama's words."""

import json
import sys
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from mdsa_server.embedded_ollama.durations import BadDuration, keep_alive_seconds
from mdsa_server.embedded_ollama.wire import Refused

DEFAULT_KEEP_ALIVE = 300.0

# Fields by the JSON they must be, with Go's name of the type, which its errors quote.
_FIELDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "model": (str, "string"),
    "messages": (list, "[]api.Message"),
    "prompt": (str, "string"),
    "system": (str, "string"),
    "stream": (bool, "bool"),
    "raw": (bool, "bool"),
    "truncate": (bool, "bool"),
    "options": (dict, "map[string]interface {}"),
    "tools": (list, "api.Tools"),
}
_KINDS = {str: "string", int: "number", float: "number", bool: "bool", list: "array", dict: "object"}

_SCHEMA_TYPES = frozenset(("string", "number", "integer", "boolean", "null", "array", "object"))

# The options of a recorded 0.9.3 by Go's name of their type; others are passed over.
OPTIONS: dict[str, str] = {
    **dict.fromkeys(("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread"), "integer"),
    **dict.fromkeys(("num_keep", "seed", "num_predict", "top_k", "repeat_last_n"), "integer"),
    **dict.fromkeys(("top_p", "min_p", "typical_p", "temperature", "repeat_penalty"), "float32"),
    **dict.fromkeys(("presence_penalty", "frequency_penalty"), "float32"),
    "use_mmap": "boolean",
    "stop": "array",
}


@dataclass(frozen=True)
class RequestBody:
    """A request's body, understood."""

    model: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    prompt: str = ""
    system: str = ""
    raw: bool = False
    stream: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    keep_alive: float = DEFAULT_KEEP_ALIVE
    """Seconds; infinite for ever."""
    tools: list[dict[str, Any]] = field(default_factory=list)
    format: str | dict[str, Any] | None = None
    think: object = None
    input: list[str] = field(default_factory=list)
    truncate: bool = True


async def read_body(request: web.Request) -> RequestBody:
    """Read a body. Raises Refused."""
    body = await _object(request)
    known = {name: body[name] for name in _FIELDS if body.get(name) is not None}
    for name, value in known.items():
        _check_field(request, name, value)
    if not known.get("model"):
        raise Refused(400, "model is required")
    for message in known.get("messages", []):
        _check_part(message, "messages", content=str)
    for tool in known.get("tools", []):
        _check_part(tool, "tools", function=dict)
        _check_part(tool.get("function") or {}, "tools.function", name=str, description=str, parameters=dict)
    if body.get("keep_alive") is not None:
        try:
            known["keep_alive"] = keep_alive_seconds(body["keep_alive"])
        except BadDuration as error:
            raise Refused(400, str(error)) from error
    return RequestBody(**known, format=body.get("format"), think=body.get("think"), input=_texts(body.get("input")))


def check_format(format: object) -> None:
    """Refuse a `format` that is neither `json` nor a schema."""
    if isinstance(format, dict):
        _check_schema(format)
        return
    if format in (None, "", "json"):
        return
    told = json.dumps(json.dumps(format))
    raise Refused(500, f'invalid format: {told}; expected "json" or a valid JSON Schema object')


def check_options(options: dict[str, Any]) -> None:
    """Refuse an option of the wrong type; any number passes for both kinds of number, and is cut to a whole one."""
    for name, value in options.items():
        kind = OPTIONS.get(name)
        number = type(value) in (int, float) and abs(value) <= sys.float_info.max
        fits = {"integer": number, "float32": number, "boolean": isinstance(value, bool), "array": type(value) is list}
        if value is None or kind is None:
            continue
        if not fits[kind]:
            raise Refused(500, f'option "{name}" must be of type {kind}')
        if kind == "array" and not all(isinstance(item, str) for item in value):
            raise Refused(500, f'option "{name}" must be of an array of strings')


def _check_schema(schema: object) -> None:
    """Refuse types that no schema has: llama.cpp would pass over them, and answer as if free."""
    if isinstance(schema, dict):
        types = schema.get("type", [])
        for name in types if isinstance(types, list) else [types]:
            if isinstance(name, str) and name not in _SCHEMA_TYPES:
                raise Refused(500, "invalid JSON schema in format")
        properties = schema.get("properties", {})
        for part in (*(properties.values() if isinstance(properties, dict) else ()), schema.get("items")):
            _check_schema(part)


async def _object(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    if not raw.strip():
        raise Refused(400, "missing request body")
    try:
        body = json.loads(raw, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        at_end = not error.doc[error.pos :].strip() or error.msg.startswith("Unterminated")
        near = error.doc[error.pos : error.pos + 1]
        raise Refused(
            400, "unexpected EOF" if at_end else f"invalid character '{near}' looking for beginning of value"
        ) from error
    except UnicodeDecodeError as error:
        raise Refused(400, "invalid character in the body: it is not UTF-8") from error
    if not isinstance(body, dict):
        raise Refused(400, f"json: cannot unmarshal {_kind(body)} into Go value of type api.{_go_type(request)}")
    return body


def _check_part(part: object, where: str, **fields: type) -> None:
    """Refuse a part of a list that is no object, or one of whose fields is of another type."""
    if not isinstance(part, dict):
        raise Refused(400, f"json: cannot unmarshal {_kind(part)} into Go struct field {where} of type object")
    for name, wanted in fields.items():
        value = part.get(name)
        if value is not None and not isinstance(value, wanted):
            given, expected = _kind(value), _KINDS[wanted]
            raise Refused(400, f"json: cannot unmarshal {given} into Go struct field {where}.{name} of type {expected}")


def _refuse_constant(name: str) -> None:
    raise Refused(400, f"invalid character '{name[0]}' looking for beginning of value")


def _check_field(request: web.Request, name: str, value: object) -> None:
    wanted, go_name = _FIELDS[name]
    if not isinstance(value, wanted):
        raise Refused(
            400,
            f"json: cannot unmarshal {_kind(value)} into Go struct field {_go_type(request)}.{name} of type {go_name}",
        )


def _texts(value: object) -> list[str]:
    if value is None or value == "":
        return []
    texts: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise Refused(400, "invalid input type")
    return texts


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "null")


def _go_type(request: web.Request) -> str:
    """`/api/chat` takes a `ChatRequest`."""
    return request.path.rsplit("/", 1)[-1].capitalize() + "Request"
