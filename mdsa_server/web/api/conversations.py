"""Conversations under /api/conversations."""

import re
from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, patch
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from mdsa_server.vocabulary.conversation import Conversation, ConversationSummary
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.rooms import InRooms


class ConversationList(Struct, frozen=True, kw_only=True):
    conversations: list[ConversationSummary]
    next: str | None
    """Give it as `before` to read on; null at the end."""


class NewTitle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Annotated[str, Meta(min_length=1, max_length=200)]


class ConversationController(Controller):
    """A caller's own conversations."""

    path = "/api/conversations"
    tags = ("conversations",)
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/", operation_id="ListConversations")
    async def list_conversations(
        self,
        rooms: InRooms,
        caller: ByCaller,
        text: Annotated[str, QueryParameter(name="query")] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        before: FromQuery[str | None] = None,
    ) -> ConversationList:
        """List conversations, last used first; `query` looks into titles and messages."""
        found = await rooms.conversations.find(caller.owner, query=text, limit=limit, before=before)
        return ConversationList(conversations=found, next=found[-1].id if len(found) == limit else None)

    @get("/{conversation:str}", operation_id="ReadConversation")
    async def read_conversation(self, conversation: FromPath[str], rooms: InRooms, caller: ByCaller) -> Conversation:
        """Read a conversation with all its turns."""
        return await rooms.conversations.read(caller.owner, conversation)

    @patch("/{conversation:str}", operation_id="RenameConversation", status_code=204)
    async def rename_conversation(
        self, conversation: FromPath[str], data: JSONBody[NewTitle], rooms: InRooms, caller: ByCaller
    ) -> None:
        """Give a conversation another title."""
        await rooms.conversations.rename(caller.owner, conversation, data.title)

    @delete("/{conversation:str}", operation_id="DeleteConversation")
    async def delete_conversation(self, conversation: FromPath[str], rooms: InRooms, caller: ByCaller) -> None:
        """Delete a conversation and its turns, for good; a turn of it that is under way is stopped."""
        await rooms.live_turns.delete_conversation(caller.owner, conversation)

    @get("/{conversation:str}/export", operation_id="ExportConversation")
    async def export_conversation(
        self,
        conversation: FromPath[str],
        rooms: InRooms,
        caller: ByCaller,
        format: FromQuery[Literal["markdown", "json"]] = "markdown",
    ) -> Response[bytes]:
        """Take a conversation away as a file."""
        whole = await rooms.conversations.read(caller.owner, conversation)
        content, media_type, ending = (
            (as_markdown(whole).encode(), "text/markdown; charset=utf-8", "md")
            if format == "markdown"
            else (msgspec.json.format(msgspec.json.encode(whole)), "application/json", "json")
        )
        return Response(
            content,
            media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="{_file_name(whole.title)}.{ending}"'},
        )


def as_markdown(conversation: Conversation) -> str:
    """Write a conversation as a document."""
    parts = [f"# {conversation.title}"]
    for turn in conversation.turns:
        parts += ["## You", turn.message, f"## {turn.domain or 'No domain'}"]
        if turn.answer:
            parts.append(turn.answer)
        if turn.outcome == "cancelled":
            parts.append("*(stopped)*")
        if turn.problem:
            parts.append(f"*{turn.problem.title}: {turn.problem.detail}*")
    return "\n\n".join(parts) + "\n"


def _file_name(title: str) -> str:
    """Make a file name of a title: ASCII, so that the header needs no encoding."""
    return re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()[:60] or "conversation"
