"""Folders that collections follow: taken in once each, when the server starts or a reload names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import structlog

from mdsa_server.errors import DocumentUnreadable, EmbedderUnavailable
from mdsa_server.knowledge.filling import PAUSE_SECONDS
from mdsa_server.knowledge.library import Library
from mdsa_server.vocabulary.ingestion import AnyIngestionEvent, DocumentRefused, IngestionFailed, IngestionFinished

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
UNAVAILABLE = EmbedderUnavailable("").code


class Followed:
    """One for the server; `spawn` runs something as a task of its own."""

    def __init__(self, library: Library, spawn: Spawn) -> None:
        self._library = library
        self._spawn = spawn
        self._known: set[tuple[str, Path]] = set()

    def take_up(self, folders: Iterable[tuple[str, Path]]) -> list[Path]:
        """Begin to take in those of the folders, each with its collection, that were not named before; give them."""
        wanted = list(dict.fromkeys(folders))
        new = [one for one in wanted if one not in self._known]
        # One that is named no more is read anew when it is named again.
        self._known = set(wanted)
        for collection, folder in new:
            self._spawn(self._follow(folder, collection), f"sync {folder}")
        return [folder for _, folder in new]

    async def _follow(self, folder: Path, collection: str) -> None:
        """Have a collection hold what a folder holds now; what cannot be taken in is logged."""
        again = True

        def tell(event: AnyIngestionEvent) -> None:
            nonlocal again
            match event:
                case DocumentRefused(source=source, problem=problem):
                    log.warning("document refused", source=source, problem=problem.detail, mend=problem.mend)
                case IngestionFailed(problem=problem):
                    # The engine that embeds may start later, or have time later.
                    again = problem.code == UNAVAILABLE
                    log.warning("folder not taken in", folder=str(folder), problem=problem.detail, mend=problem.mend)
                case IngestionFinished(new=new, changed=changed, gone=gone) if new or changed or gone:
                    log.info("folder taken in", folder=str(folder), new=new, changed=changed, gone=gone)

        while again:
            again = False
            try:
                await self._library.sync(folder, collection, None, tell)
            except EmbedderUnavailable:
                again = True
            except DocumentUnreadable as error:
                log.warning("folder not taken in", folder=str(folder), problem=error.detail, mend=error.mend)
            if again:
                await asyncio.sleep(PAUSE_SECONDS)
