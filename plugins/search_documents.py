"""A tool that searches the server's own documents: the collections of the domain that answers, and no others."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated

from msgspec import Meta, Struct

from mdsa_server.plugin_api import (
    Passage,
    PluginContext,
    SearchPassages,
    Tool,
    ToolCall,
    ToolRefused,
    ToolSource,
    hookimpl,
)

# Five of them fit into what is left of a result by [tools] max_result_chars.
TEXT_CHARS = 1_200


class SearchDocumentsSettings(Struct):
    """The table `[plugins.search_documents]`."""

    passages: Annotated[int, Meta(ge=1, le=50)] = 5
    """How many passages a search gives at most."""
    least_cosine: Annotated[float, Meta(ge=-1, le=1)] = 0.3
    """As in `[plugins.document_retriever]`: what is less like the query in meaning is taken for irrelevant."""
    least_words: Annotated[float, Meta(ge=0, le=1)] = 0.6
    """As there: what has so much of the query word for word is relevant all the same."""


class FoundText(Struct, omit_defaults=True):
    """A passage as the model reads it."""

    number: int
    """Counted from 1, the best first."""
    text: str
    source: str
    title: str = ""
    heading: str = ""
    """The headings it stands below, outermost first."""
    page: int | None = None


@hookimpl
def plugin_settings() -> type[SearchDocumentsSettings]:
    return SearchDocumentsSettings


@hookimpl
def register_tools(context: PluginContext) -> Iterable[ToolSource]:
    return [Tool(search_of(context.search_passages, context.settings))]


def search_of(
    search: SearchPassages, settings: SearchDocumentsSettings
) -> Callable[..., Awaitable[list[FoundText] | str]]:
    """Make the tool that searches with `search`."""

    async def search_documents(
        query: Annotated[str, Meta(description="What to look for, in a few words or as a question")], call: ToolCall
    ) -> list[FoundText] | str:
        """Search our documents, manuals and notes: what they say about something, or how to do it."""
        collections = call.domain.collections
        if not collections:
            raise ToolRefused(
                f"the domain {call.domain.name!r} has no documents", "Answer without them, from what you know."
            )
        if not query.strip():
            raise ToolRefused("the query is empty", "Say what to look for.")
        found = await search(query, collections=collections, most=settings.passages)
        least_cosine, least_words = settings.least_cosine, settings.least_words
        relevant = [each for each in found if each.matches(least_cosine=least_cosine, least_words=least_words)]
        if not relevant:
            return "Nothing was found: the documents say nothing like that. Other words may find more."
        return [_shown(number, each) for number, each in enumerate(relevant, start=1)]

    return search_documents


def _shown(number: int, passage: Passage) -> FoundText:
    text = passage.text
    if len(text) > TEXT_CHARS and passage.parts and passage.place is not None:
        text = passage.between(passage.place, passage.place).text
    return FoundText(
        number=number,
        text=text if len(text) <= TEXT_CHARS else f"{text[: TEXT_CHARS - 1].rstrip()}…",
        source=passage.source,
        title=passage.title,
        heading=" > ".join(passage.heading),
        page=passage.page,
    )
