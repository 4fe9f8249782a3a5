"""What a call of an MCP server's tool gave, as text: words as they are, all else in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mdsa_server.plugin_api import ToolRefused

from .words import one_line

if TYPE_CHECKING:
    from mcp_types import CallToolResult, ContentBlock

LONGEST_ERROR = 1_000


def text_of(result: CallToolResult) -> str:
    """Give the texts of a result, and what else is in it by its kind and size. Raises ToolRefused for an error."""
    parts = [_in_words(content) for content in result.content]
    if result.is_error:
        raise ToolRefused(one_line(" ".join(parts), LONGEST_ERROR) or "the tool failed, and did not say why")
    # A server that gives data gives them as text too, for those that do not know of data.
    if not parts and result.structured_content is not None:
        parts = [f"[data, {_size(len(msgspec.json.encode(result.structured_content)))}]"]
    return "\n".join(parts)


def _in_words(content: ContentBlock) -> str:
    if content.type == "text":
        return content.text
    if content.type == "image" or content.type == "audio":
        return f"[{content.type}, {_size(len(content.data) * 3 // 4)}]"
    if content.type == "resource_link":
        return f"[a resource: {one_line(content.name, 100)}]"
    from mcp_types import TextResourceContents

    resource = content.resource
    if isinstance(resource, TextResourceContents):
        return resource.text
    return f"[a resource, {_size(len(resource.blob) * 3 // 4)}]"


def _size(size: int) -> str:
    return f"{size} bytes" if size < 1_000 else f"{size / 1_000:,.0f} kB"
