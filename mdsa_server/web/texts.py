"""Texts that callers write, wherever they do, and how long they may be."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta

from mdsa_server.errors import InvalidRequest

TITLE_CHARS = 200
SEARCH_CHARS = 400
COLLECTION_CHARS = 200
TAG_CHARS = 100
FIELD_CHARS = 100

Title = Annotated[str, Meta(max_length=TITLE_CHARS)]
"""What a conversation is called; `not_blank` asks that it be called something."""

SearchText = Annotated[str, QueryParameter(name="query", max_length=SEARCH_CHARS)]
"""What is looked for in titles and messages; a handler's parameter `text`."""


def not_blank(field: str, text: str, mend: str) -> str:
    """Give a text back. Raises InvalidRequest where there is nothing in it to read."""
    if not text.strip():
        raise InvalidRequest(f"{field}: there is nothing in it", mend)
    return text


def title_of(text: Title) -> str:
    """Give a conversation's new title. Raises InvalidRequest where it is blank."""
    return not_blank("title", text, "Give the conversation a name.")


def collection_of(text: str) -> str:
    """Give the name of a collection. Raises InvalidRequest where it is none."""
    name = text.strip()
    if not name or not name.isprintable() or len(name) > COLLECTION_CHARS:
        raise InvalidRequest(
            f"collection is {name[:COLLECTION_CHARS]!r}, which is no name", "Name it in a word or a few."
        )
    return name


def tags_of(text: str) -> tuple[str, ...]:
    """Give the tags that are written with commas between them, each once. Raises InvalidRequest."""
    tags = dict.fromkeys(" ".join(tag.split()) for tag in text.split(",") if tag.strip())
    if long := next((tag for tag in tags if len(tag) > TAG_CHARS), None):
        raise InvalidRequest(f"the tag {long[:TAG_CHARS]!r} … is too long", "Write commas between tags.")
    return tuple(tags)


def tags_among(texts: Iterable[str] | None) -> tuple[str, ...] | None:
    """Give the tags of a list, as `tags_of` has them; None where nothing is said of any. Raises InvalidRequest."""
    return None if texts is None else tags_of(",".join(texts))


def searchable(message: str) -> str:
    """Give back what is to be searched for. Raises InvalidRequest where no letter and no digit is in it."""
    if not any(map(str.isalnum, message)):
        raise InvalidRequest("message: there is no word in it to search for", "Write what is looked for.")
    return message


def moment_of(field: str, text: str | None) -> datetime | None:
    """Read a date or a time, in UTC where no zone is given. Raises InvalidRequest."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{field} is {text[:FIELD_CHARS]!r}, which is no date", "Write 2024-01-31, or 2024-01-31T12:00:00Z."
        ) from error
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)
