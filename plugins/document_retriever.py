"""A retriever that searches the server's own documents: the collections of the domain that answers."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from mdsa_server.plugin_api import Passage, PluginContext, Retriever, RetrieverQuery, SearchPassages, hookimpl


class DocumentRetrieverSettings(Struct):
    """The table `[plugins.document_retriever]`."""

    passages: Annotated[int, Meta(ge=1, le=50)] = 5
    """How many passages an answer may rest on."""
    least_cosine: Annotated[float, Meta(ge=-1, le=1)] = 0.3
    """How like the message a passage must be in meaning; what is less like it is taken for irrelevant, unless it has
    the message's words.

    With all-MiniLM-L6-v2 the best passage for each of the Cranfield collection's questions has 0.48 or more in 99 of
    100 cases; for everyday messages, of which that collection tells nothing, it has less than 0.3 in 95 of 100.
    """

    least_words: Annotated[float, Meta(ge=0, le=1)] = 0.6
    """How much of the message must stand in a passage word for word that is less like it; rare words count most.

    It is the share of the message's words, weighted by rarity, times the rarity of the rarest that is there: a name, a
    code or an identifier tells, though no encoder knows what it means. For questions of the kind "What does X mean?"
    about 300 words that stand in one or two of the Cranfield collection's passages, the passage has 0.6 or more in all
    cases, where `least_cosine` alone lets 19 of 100 pass; with a second word that many passages have and this one has
    not, in 85 of 100. Everyday messages find a passage with so much in 6 of 100 cases, and with one of the two in 10.
    """


@hookimpl
def plugin_settings() -> type[DocumentRetrieverSettings]:
    return DocumentRetrieverSettings


@hookimpl
def register_retrievers(context: PluginContext) -> Iterable[Retriever]:
    return [DocumentRetriever(context.search_passages, context.settings)]


class DocumentRetriever:
    """Finds nothing for a domain without collections."""

    name = "document_retriever"

    def __init__(self, search_passages: SearchPassages, settings: DocumentRetrieverSettings) -> None:
        self._search = search_passages
        self._settings = settings

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        collections = query.domain.collections
        if not collections:
            return ()
        found = await self._search(
            query.message, collections=collections, vector=query.vector, most=self._settings.passages
        )
        least_cosine, least_words = self._settings.least_cosine, self._settings.least_words
        return [passage for passage in found if passage.matches(least_cosine=least_cosine, least_words=least_words)]
