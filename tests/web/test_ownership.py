"""Whatever an owner has, asked for by another: every field of every route that may name it, in path, query and body.

The table is made of the application's own routes, and a field whose name it does not know fails.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter, PathParameter
from litestar.routes import HTTPRoute

from mdsa_server.vocabulary.access import SCOPES
from mdsa_server.web.rooms import Rooms
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running

Kind = Literal["turn", "conversation"]

NAMES: dict[str, Kind] = {
    "turn": "turn",
    "instead_of": "turn",
    "after": "turn",
    "before": "turn",
    "against": "turn",
    "conversation": "conversation",
}
"""Fields that name what somebody has."""

NAMES_IN: dict[tuple[str, str], Kind | None] = {
    ("/api/conversations", "before"): "conversation",
    ("/chat/conversations", "before"): "conversation",
    ("/api/documents", "after"): None,
    ("/documents", "after"): None,
    ("/domains", "after"): None,
    ("/audit", "before"): None,
}
"""Where such a name means something else: documents and domains are everybody's, what was recorded is for admins."""

NOBODYS = set(
    re.findall(
        r"\w+",
        """
        arguments call collection collections correction document domain domains file_path folder format ingestion key
        message name on_tie outcome path paths plugin previous query scopes since source tags title to tool types until
        what who
        """,
    )
)
"""Fields that name nothing of anybody's, or what all with a scope share."""

PASSAGE = "/documents/{document}/passages/{place}"
MARKS_ONLY = {
    ("GET", "/chat/conversations", "conversation"),
    ("GET", "/chat", "turn"),
    ("GET", "/chat", "before"),
    ("GET", PASSAGE, "turn"),
}
"""What anybody may name, and is told nothing of: a row to mark, a place in no conversation, a turn that may have been
given a passage."""

FILLED: dict[str, Any] = {"message": "hello", "domain": "code", "call": "1", "approved": True, "title": "Pears"}
FILLED |= {"document": "none", "place": 1}
"""What the fields hold that must be there."""


class Field(NamedTuple):
    name: str
    where: Literal["path", "query", "body"]
    needed: bool


class Door(NamedTuple):
    method: str
    path: str
    fields: tuple[Field, ...]


def doors(app: Litestar) -> Iterator[Door]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            path = re.sub(r":\w+}", "}", route.path)
            for handler in route.route_handlers:
                fields = tuple(one for one in fields_of(handler) if one.where != "path" or f"{{{one.name}}}" in path)
                for method in handler.http_methods - {"OPTIONS", "HEAD"}:
                    yield Door(str(method), path, fields)


def fields_of(handler: HTTPRouteHandler) -> Iterator[Field]:
    """Give the fields that take any text."""
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        taken = parameter.kwarg_definition
        if name == "data":
            for field in msgspec.structs.fields(parameter.annotation):
                yield from [Field(field.name, "body", field.required)] if takes_text(field.type) else []
        elif taken and takes_text(parameter.annotation) and not isinstance(taken, HeaderParameter):
            named = getattr(taken, "name", None) or name
            where: Literal["path", "query"] = "path" if isinstance(taken, PathParameter) else "query"
            yield Field(named, where, not parameter.has_default)


def takes_text(type_: Any) -> bool:
    if get_origin(type_) is Literal:
        return False
    return type_ in (str, Any) or any(takes_text(part) for part in get_args(type_))


def kind_of(path: str, field: str) -> Kind | None:
    return NAMES_IN.get((path, field), NAMES.get(field))


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        yield server


async def a_caller(server: RunningServer) -> dict[str, str]:
    rooms: Rooms = server.app.state.rooms
    _, secret = await rooms.doorkeeper.keys.create("test", SCOPES, requests_per_minute=1_000_000)
    return {"Authorization": f"Bearer {secret}"}


async def begun(server: RunningServer, caller: dict[str, str]) -> dict[Kind, str]:
    turn = (await server.client.post("/api/chat", json={"message": "hello"}, headers=caller)).json()["turn"]
    return {"turn": turn["id"], "conversation": turn["conversation"]}


async def told(
    server: RunningServer, caller: dict[str, str], ended: Mapping[Kind, str], running_turn: str
) -> list[Any]:
    """Read a conversation, and a turn that is under way, its time aside."""
    whole = (await server.client.get(f"/api/conversations/{ended['conversation']}", headers=caller)).json()
    return [whole, (await server.client.get(f"/api/turns/{running_turn}", headers=caller)).json()["outcome"]]


async def ask(
    server: RunningServer, door: Door, caller: dict[str, str], field: str, mine: Mapping[Kind, str], named: str
) -> httpx.Response:
    """Knock with `named` in a field, all else that must be there one's own or harmless."""
    given: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
    for one in door.fields:
        kind = kind_of(door.path, one.name)
        if one.name == field:
            given[one.where][one.name] = named
        elif one.needed or one.where == "path":
            given[one.where][one.name] = mine[kind] if kind else FILLED[one.name]
    path = door.path.format(**FILLED | given["path"])
    body = given["body"] | ({"approved": True} if "call" in given["body"] else {})
    content: dict[str, Any] = {"json" if path.startswith("/api/") else "data": body} if body else {}
    return await server.client.request(door.method, path, params=given["query"], headers=caller, **content)


async def test_every_field_that_takes_text_is_known_to_name_somebodys_or_nobodys(server: RunningServer) -> None:
    unknown = {
        (door.path, field.name)
        for door in doors(server.app)
        for field in door.fields
        if field.name not in NAMES.keys() | NOBODYS
    }
    assert unknown == set(), "say in this file what they name"


async def test_what_is_anothers_is_not_there_in_whatever_field_it_is_named(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    next(iter(engine.models.values())).says = lambda asked: [asyncio.Event() if "wait" in str(asked.messages) else "Hi"]
    owner, other = await a_caller(server), await a_caller(server)
    theirs, mine = await begun(server, owner), await begun(server, other)
    stream = {"Accept": "text/event-stream"}
    async with server.client.stream("POST", "/api/chat", json={"message": "wait"}, headers=owner | stream) as answer:
        running_turn = answer.headers["X-MDSA-Turn"]
        before = await told(server, owner, theirs, running_turn)
        let_in: list[tuple[object, ...]] = []
        tried = 0
        for door in doors(server.app):
            for field in door.fields:
                kind = kind_of(door.path, field.name)
                if kind is None or (door.method, door.path, field.name) in MARKS_ONLY:
                    continue
                tried += 1
                for named in (theirs[kind], *([running_turn] if kind == "turn" else [])):
                    refused = await ask(server, door, other, field.name, mine, named)
                    if refused.status_code != 404:
                        let_in.append((door.method, door.path, field.name, refused.status_code))
                # What its owner asks for in the same way is there, so that it was not refused for anything else.
                own = await begun(server, owner)
                had = await ask(server, door, owner, field.name, own, own[kind])
                if had.status_code >= 400 and had.status_code != 409:
                    let_in.append((door.method, door.path, field.name, "its owner", had.status_code, had.text))
        assert let_in == []
        assert tried > 30
        assert await told(server, owner, theirs, running_turn) == before


async def test_what_may_be_named_by_anybody_tells_nothing(server: RunningServer) -> None:
    owner, other = await a_caller(server), await a_caller(server)
    theirs, mine = await begun(server, owner), await begun(server, other)
    known = {(door.method, door.path): door for door in doors(server.app)}
    for method, path, field in MARKS_ONLY:
        kind = kind_of(path, field)
        assert kind
        pages = [await ask(server, known[method, path], other, field, mine, named) for named in (theirs[kind], "none")]
        assert pages[0].status_code == pages[1].status_code
        assert pages[0].text.replace(theirs[kind], "none") == pages[1].text
