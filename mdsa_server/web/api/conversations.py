"""Conversations under /api/conversations."""

import re
from typing import Annotated

from litestar import Controller, Response, delete, get, patch
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from mdsa_server.errors import InvalidRequest, StoreUnusable, UnknownConversation, UnknownTurn
from mdsa_server.vocabulary.conversation import Conversation, ConversationSummary
from mdsa_server.web.api.operations import TOO_LARGE, also, fails, like
from mdsa_server.web.auth import ByCaller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.exports import FORMS
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import SearchText, Title, title_of

OF_CONVERSATION = fails(UnknownConversation, StoreUnusable)
OF_BRANCH = fails(UnknownConversation, UnknownTurn, StoreUnusable)


class ConversationList(Struct, frozen=True, kw_only=True):
    conversations: list[ConversationSummary]
    next: str | None
    """Give it as `before` to read on; null at the end."""


class NewTitle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Title


TitleBody = Annotated[NewTitle, like(title="Fruit of the season")]


class ConversationController(Controller):
    """A caller's own conversations."""

    path = "/api/conversations"
    tags = ("conversations",)
    opt = {"scope": "chat"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/", operation_id="ListConversations", responses=OF_CONVERSATION)
    async def list_conversations(
        self,
        rooms: InRooms,
        caller: ByCaller,
        text: SearchText = "",
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        before: FromQuery[str | None] = None,
    ) -> ConversationList:
        """List conversations, last used first; `query` looks into titles and messages."""
        found = await rooms.conversations.find(caller.owner, query=text, limit=limit, before=before)
        return ConversationList(conversations=found, next=found[-1].id if len(found) == limit else None)

    @get("/{conversation:str}", operation_id="ReadConversation", responses=OF_BRANCH)
    async def read_conversation(
        self, conversation: FromPath[str], rooms: InRooms, caller: ByCaller, turn: FromQuery[str | None] = None
    ) -> Conversation:
        """Read a conversation with the turns of its current branch, or of the branch through a turn."""
        return await rooms.live_turns.unsaved.read(caller.owner, conversation, through=turn)

    @patch(
        "/{conversation:str}",
        operation_id="RenameConversation",
        status_code=204,
        responses=OF_CONVERSATION | fails(TOO_LARGE),
    )
    async def rename_conversation(
        self, conversation: FromPath[str], data: TitleBody, rooms: InRooms, caller: ByCaller
    ) -> None:
        """Give a conversation another title."""
        await rooms.conversations.rename(caller.owner, conversation, title_of(data.title))

    @delete("/{conversation:str}", operation_id="DeleteConversation", responses=OF_CONVERSATION)
    async def delete_conversation(self, conversation: FromPath[str], rooms: InRooms, caller: ByCaller) -> None:
        """Delete a conversation and its turns, for good; a turn of it that is under way is stopped."""
        await rooms.live_turns.delete_conversation(caller.owner, conversation)

    @get(
        "/{conversation:str}/export",
        operation_id="ExportConversation",
        media_type="text/markdown",
        operation_class=also("application/json", OpenAPIType.OBJECT),
        responses=OF_BRANCH,
    )
    async def export_conversation(
        self,
        conversation: FromPath[str],
        rooms: InRooms,
        caller: ByCaller,
        form: Annotated[str, QueryParameter(name="format", schema_extra={"enum": list(FORMS)})] = "markdown",
        turn: FromQuery[str | None] = None,
    ) -> Response[bytes]:
        """Take a conversation's current branch away as a file, or the branch through a turn."""
        if form not in FORMS:
            raise InvalidRequest(f"format: there is none called {form!r}", f"Take one of: {', '.join(FORMS)}.")
        media_type, ending, written = FORMS[form]
        whole = await rooms.live_turns.unsaved.read(caller.owner, conversation, through=turn)
        return Response(
            written(whole),
            media_type=media_type,
            headers={"Content-Disposition": f'attachment; filename="{_file_name(whole.title)}.{ending}"'},
        )


def _file_name(title: str) -> str:
    """Make a file name of a title: ASCII, so that the header needs no encoding."""
    return re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-").lower()[:60] or "conversation"
