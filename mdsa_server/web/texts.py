"""Texts that callers write, wherever they do, and how long they may be."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta

TITLE_CHARS = 200
SEARCH_CHARS = 400

Title = Annotated[str, Meta(min_length=1, max_length=TITLE_CHARS, pattern=r"\S")]
"""What a conversation is called."""

SearchText = Annotated[str, QueryParameter(name="query", max_length=SEARCH_CHARS)]
"""What is looked for in titles and messages; a handler's parameter `text`."""
