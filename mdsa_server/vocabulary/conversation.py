"""Messages, and conversations of turns."""

from datetime import datetime
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from mdsa_server.vocabulary.turn import Turn

Role = Literal["system", "user", "assistant", "tool"]


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a prompt, in the shape of the engine's wire."""

    role: Role
    content: str = ""
    tool_calls: list[dict[str, Any]] | UnsetType = UNSET
    tool_name: str | UnsetType = UNSET


class ConversationSummary(Struct, frozen=True, kw_only=True):
    """A conversation as a list shows it."""

    id: str
    title: str
    created: datetime
    updated: datetime
    turns: int
    """In all its branches."""


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation with the turns of one of its branches, oldest first."""

    id: str
    title: str
    created: datetime
    updated: datetime
    turns: tuple[Turn, ...] = ()
    earlier: int = 0
    """How many turns of the branch come before these."""
    leaf: str | None = None
    """The last turn of the branch."""
    beside: dict[str, tuple[str, ...]] = {}
    """For each of these turns that others were sent in place of: the ids of all of them, itself among them, in the
    order in which they came."""
