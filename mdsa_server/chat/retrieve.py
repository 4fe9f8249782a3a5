"""Ask every retriever for passages, side by side."""

import asyncio

import structlog

from mdsa_server.chat.desk import Desk
from mdsa_server.errors import MdsaError
from mdsa_server.plugin_api.contracts import Retriever, RetrieverQuery
from mdsa_server.vocabulary.passages import Passage

log = structlog.get_logger(__name__)


async def find_passages(desk: Desk, query: RetrieverQuery) -> tuple[Passage, ...]:
    """Give what the retrievers find, best of each first; one that fails finds nothing, and the log says why."""
    found = await asyncio.gather(*(_ask(desk, retriever, query) for retriever in desk.offers.retrievers))
    return tuple(passage for passages in found for passage in passages)


async def _ask(desk: Desk, retriever: Retriever, query: RetrieverQuery) -> tuple[Passage, ...]:
    try:
        return tuple(await desk.offers.call(retriever, lambda: retriever.retrieve(query)))
    except MdsaError as error:
        log.warning("retriever found nothing", retriever=retriever.name, reason=error.detail)
        return ()
