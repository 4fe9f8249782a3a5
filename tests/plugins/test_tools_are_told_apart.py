"""The descriptions of our own tools: by what they mean, the right one is among the few that a small model is shown."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from mdsa_server.chat.constrained_calls import LEAST_LIKENESS, MOST_CANDIDATES
from mdsa_server.chat.tool_offer import described
from mdsa_server.inference.embedder import Embedder
from mdsa_server.plugin_api import Tool
from tests.plugins.first_party import opened

PLUGINS = {"clock": {}, "calculator": {}, "search_documents": {}, "fetch_page": {"enabled": True}}


@pytest.fixture
async def tools() -> list[Tool]:
    offered: list[Tool] = []
    for name, settings in PLUGINS.items():
        async with opened(name, settings=settings) as registry:
            offered += await registry.tools()
    return offered


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    embedder = Embedder("auto", offline=True, threads=0, cache=None)
    yield embedder
    asyncio.run(embedder.close())


async def shown(message: str, tools: Sequence[Tool], embedder: Embedder) -> list[str]:
    """Name the tools that are put to a small model for a message."""
    vectors = await embedder.embed_passages([message, *map(described, tools)])
    likeness = vectors[1:] @ vectors[0]
    likest = likeness.argsort()[::-1][:MOST_CANDIDATES]
    return [tools[place].name for place in likest if likeness[place] >= LEAST_LIKENESS]


@pytest.mark.parametrize(
    ("message", "tool"),
    [
        ("What time is it?", "now"),
        ("What is the time in Tokyo right now?", "now"),
        ("What is today's date?", "now"),
        ("Which time zone am I in?", "now"),
        ("How many days are between 2024-01-05 and 2024-03-01?", "days_between"),
        ("How many days until 2025-12-24?", "days_between"),
        ("What is the date three months after 2024-01-31?", "add_months"),
        ("What date is 90 days after 2024-01-31?", "add_days"),
        ("When is next Friday?", "next_weekday"),
        ("What date is next Monday?", "next_weekday"),
        ("What is 12 multiplied by 17?", "calculate"),
        ("Calculate (17.5 - 3) * 4", "calculate"),
        ("How many percent is 12 of 80?", "calculate"),
        ("What is 144 divided by 12 plus 3?", "calculate"),
        ("Search the manuals for how to oil the pump", "search_documents"),
        ("What do our documents say about the warranty?", "search_documents"),
        ("Read the web page https://example.org/news", "fetch_page"),
        ("Fetch this website for me", "fetch_page"),
        ("Open this link and tell me the title", "fetch_page"),
        ("Write a poem about the sea", None),
        ("Tell me a joke", None),
    ],
)
async def test_a_message_finds_its_tool(embedder: Embedder, tools: list[Tool], message: str, tool: str | None) -> None:
    names = await shown(message, tools, embedder)
    assert (tool in names) if tool else not names


def test_a_description_is_short(tools: list[Tool]) -> None:
    """All of them stand in the prompt of each turn."""
    assert {tool.name: len(tool.description) for tool in tools if len(tool.description) > 200} == {}
