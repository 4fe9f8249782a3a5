"""Ask every retriever for passages, side by side."""

import asyncio
from itertools import chain, zip_longest

import structlog
from msgspec.structs import replace

from mdsa_server.chat.desk import Desk
from mdsa_server.errors import MdsaError
from mdsa_server.plugin_api.contracts import Retriever, RetrieverQuery
from mdsa_server.vocabulary.passages import Passage

log = structlog.get_logger(__name__)


async def find_passages(desk: Desk, query: RetrieverQuery) -> tuple[tuple[Passage, ...], tuple[str, ...]]:
    """Give what the retrievers find, and a sentence for each that failed.

    The best of each come first, then the second best, and so on: scores of different retrievers cannot be compared.
    """
    retrievers = desk.offers.retrievers
    found = await asyncio.gather(*(_ask(desk, retriever, query) for retriever in retrievers))
    passages = chain.from_iterable(zip_longest(*(own for own, _ in found)))
    return tuple(passage for passage in passages if passage), tuple(fault for _, fault in found if fault)


async def _ask(desk: Desk, retriever: Retriever, query: RetrieverQuery) -> tuple[tuple[Passage, ...], str | None]:
    try:
        found = await desk.offers.call(retriever, lambda: retriever.retrieve(query))
    except MdsaError as error:
        log.warning("retriever found nothing", retriever=retriever.name, reason=error.detail)
        return (), f"{retriever.name} failed ({error.detail})"
    return tuple(replace(passage, retriever=passage.retriever or retriever.name) for passage in found), None
