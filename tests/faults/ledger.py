"""What a server was asked and has acknowledged, kept by its clients, and what must be found of it after any end."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from mdsa_server.embedded_ollama.request_body import RequestBody

NAME = re.compile(r"name\w{32}")
PARAGRAPHS = 6
PAGE = 200
STREAM = {"Accept": "text/event-stream"}
ENDED = ("answered", "failed")


def answer_to(name: str) -> list[str]:
    """What the engine answers to a message with a name in it, token by token."""
    return [f"This is about {name}:", *(f" word{number}" for number in range(20)), " end."]


def says(asked: RequestBody) -> Sequence[str]:
    found = NAME.findall(str(asked.messages[-1]["content"]))
    return answer_to(found[-1])


def new_name() -> str:
    return f"name{uuid4().hex}"


def text_of(name: str) -> str:
    """A document about a name."""
    return "\n\n".join(
        f"Part {part} of what is known of {name}. {'Oil it every week. ' * 12}" for part in range(PARAGRAPHS)
    )


@dataclass
class Ledger:
    """Names of what was begun, and of what was acknowledged."""

    messages: dict[str, str] = field(default_factory=dict)
    """Turns that were acknowledged, by id: the name in each message."""
    answers: dict[str, str] = field(default_factory=dict)
    """Those whose answer was had to its end."""
    conversations: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    """Documents that were sent, acknowledged or not."""
    documents: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)
    """Documents that were to be deleted; acknowledged or not."""
    deleted: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    """By id, their secrets."""
    going: set[str] = field(default_factory=set)
    """Keys that were to be revoked; acknowledged or not."""
    revoked: set[str] = field(default_factory=set)

    @property
    def has_some_of_each(self) -> bool:
        return bool(self.answers and self.deleted and self.revoked)

    async def work(self, client: httpx.AsyncClient) -> None:
        """Ask for everything at once, without end; returns when the server is gone."""
        kinds = (self._converse, self._converse, self._follow, self._send_documents, self._make_keys)
        await asyncio.gather(*(_until_gone(kind, client) for kind in kinds))

    async def _converse(self, client: httpx.AsyncClient) -> None:
        """A conversation of three turns, each answered as JSON."""
        conversation: dict[str, str] = {}
        for _ in range(3):
            name = new_name()
            answered = await client.post("/api/chat", json={"message": f"What of {name}?", **conversation})
            turn = _checked(answered)["turn"]
            conversation = {"conversation": turn["conversation"]}
            self.conversations.add(turn["conversation"])
            self.messages[turn["id"]] = self.answers[turn["id"]] = name
            assert turn["answer"] == "".join(answer_to(name))

    async def _follow(self, client: httpx.AsyncClient) -> None:
        """A turn whose events are followed: its message is acknowledged by the first byte, its answer by the last."""
        name = new_name()
        async with client.stream("POST", "/api/chat", json={"message": f"What of {name}?"}, headers=STREAM) as response:
            assert response.status_code == 200
            turn = response.headers["X-MDSA-Turn"]
            self.messages[turn] = name
            self.conversations.add(response.headers["X-MDSA-Conversation"])
            async for line in response.aiter_lines():
                if line == "event: turn_finished":
                    self.answers[turn] = name

    async def _send_documents(self, client: httpx.AsyncClient) -> None:
        """Three documents in one upload; then the first of them is deleted."""
        names = [new_name() for _ in range(3)]
        self.sent.update(names)
        files = [("files", (f"{name}.md", text_of(name).encode())) for name in names]
        sent = await client.post("/api/documents/upload", data={"collection": "manuals"}, files=files)
        assert _checked(sent)["finished"]["new"] == 3
        self.documents.update(names)
        found = _checked(await client.get("/api/documents?limit=1000"))["documents"]
        unwanted = next(document for document in found if document["source"] == f"{names[0]}.md")
        self.leaving.add(names[0])
        assert (await client.delete(f"/api/documents/{unwanted['id']}")).is_success
        self.deleted.add(names[0])

    async def _make_keys(self, client: httpx.AsyncClient) -> None:
        """Two keys, of which one is revoked."""
        for revoke in (True, False):
            made = _checked(await client.post("/api/keys", json={"name": new_name(), "scopes": ["chat"]}))
            self.keys[made["key"]["id"]] = made["secret"]
            if revoke:
                self.going.add(made["key"]["id"])
                _checked(await client.post(f"/api/keys/{made['key']['id']}/revoke"))
                self.revoked.add(made["key"]["id"])

    async def check(self, client: httpx.AsyncClient) -> None:
        """See that all that was acknowledged is there, and that nothing half-made shows."""
        await self._check_turns(client)
        await self._check_documents(client)
        await self._check_keys(client)

    async def _check_turns(self, client: httpx.AsyncClient) -> None:
        found = {turn["id"]: turn async for turn in _all_turns(client)}
        assert self.messages.keys() <= found.keys()
        for turn in found.values():
            (name,) = NAME.findall(turn["message"])
            told = _checked(await client.get(f"/api/turns/{turn['id']}"))
            assert told["outcome"] in ENDED
            if told["outcome"] == "answered":
                assert told["answer"] == "".join(answer_to(name))
            else:
                assert told["problem"]["code"] == "server-stopped"
                assert turn["id"] not in self.answers
        for identifier, name in [*self.messages.items()][-3:]:
            assert found[identifier]["message"] == f"What of {name}?"
            searched = _checked(await client.get("/api/turns", params={"query": name}))["turns"]
            assert [one["id"] for one in searched] == [identifier]
        for conversation in [*self.conversations][-3:]:
            page = await client.get(f"/chat/{conversation}")
            assert page.status_code == 200
            assert "hx-sse:connect" not in page.text

    async def _check_documents(self, client: httpx.AsyncClient) -> None:
        documents = _checked(await client.get("/api/documents?limit=1000"))["documents"]
        found = {document["source"].removesuffix(".md"): document["id"] for document in documents}
        assert self.documents - self.leaving <= found.keys() <= self.sent - self.deleted
        for name, document in found.items():
            passages = _checked(await client.get(f"/api/documents/{document}"))["passages"]
            assert "".join(passage["text"] for passage in passages) == text_of(name)
        for name in [*self.sent][-5:]:
            passages = _checked(await client.post("/api/search", json={"message": name, "most": 50}))["passages"]
            about = {passage["document"] for passage in passages if name in passage["text"]}
            assert about == ({found[name]} if name in found else set())

    async def _check_keys(self, client: httpx.AsyncClient) -> None:
        known = {key["id"]: key for key in _checked(await client.get("/api/keys"))}
        assert self.keys.keys() <= known.keys()
        for identifier, secret in self.keys.items():
            if identifier in self.going - self.revoked:
                continue
            shown = {"Authorization": f"Bearer {secret}"}
            answer = await client.get("/api/conversations", headers=shown)
            # Whoever shows one that opens nothing after the other is told to wait.
            assert answer.status_code in ((401, 429) if identifier in self.revoked else (200,))


async def _until_gone(work: Callable[[httpx.AsyncClient], Awaitable[None]], client: httpx.AsyncClient) -> None:
    while True:
        try:
            await work(client)
        except httpx.TransportError:
            return


async def _all_turns(client: httpx.AsyncClient) -> AsyncIterator[dict[str, Any]]:
    before: dict[str, str] = {}
    while True:
        page = _checked(await client.get("/api/turns", params={"limit": str(PAGE), **before}))
        for turn in page["turns"]:
            yield turn
        if not page["next"]:
            return
        before = {"before": page["next"]}


def _checked(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return response.json()
