"""Texts that callers write, wherever they do, and how long they may be."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta

from mdsa_server.errors import InvalidRequest

TITLE_CHARS = 200
SEARCH_CHARS = 400

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
