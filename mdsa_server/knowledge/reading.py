"""Reading documents: their text, the pieces it is split into, and a clear word where there is none."""

from __future__ import annotations

import os
import signal
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from mdsa_server.errors import DocumentUnreadable, EmbedderUnavailable
from mdsa_server.knowledge.file_bytes import require_size
from mdsa_server.knowledge.file_names import shown
from mdsa_server.knowledge.reading_orders import Order, Read, Refused, Same, Unprepared
from mdsa_server.knowledge.reading_process import NotStarted, ProcessDied, ReadingProcesses
from mdsa_server.vocabulary.documents import Piece, ReadDocument

RULES = "2"
"""Change it whenever the same file begins to give another text or other pieces."""
OUT_OF_TIME = getattr(signal, "SIGXCPU", None)


class Unchanged(Exception):
    """The bytes are those that were read before."""


class ReadFile(NamedTuple):
    """What was read."""

    document: ReadDocument
    pieces: tuple[Piece, ...]
    digest: str
    """SHA-256 of the bytes that were read, in hex."""


class Reader:
    """Reads documents in processes of their own, so that a hostile one neither stalls nor ends the server.

    Nothing else opens a file, not even to see whether it has changed: bounds on size and time are here.

    `tokenizer` is the embedder's, as a file; None estimates. A passage has up to `passage_tokens` of its tokens, with
    title and headings. A document has up to `max_bytes`, takes up to `seconds`, and its process `memory` bytes.
    """

    def __init__(
        self, tokenizer: Path | None, passage_tokens: int, max_bytes: int, seconds: float, memory: int
    ) -> None:
        self._tokenizer = str(tokenizer.absolute()) if tokenizer else None
        self._passage_tokens = passage_tokens
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._processes = ReadingProcesses(memory)

    @property
    def rules(self) -> str:
        """Names how documents are read and split: what was taken in under other rules is read anew."""
        return f"{RULES}-{self._passage_tokens}"

    async def close(self) -> None:
        """End the processes that wait for more."""
        await self._processes.close()

    async def read(self, path: Path, known: str = "") -> ReadFile:
        """Read a file. Raises Unchanged where its bytes have the digest that is `known`.

        Also DocumentUnreadable, and EmbedderUnavailable where the tokenizer cannot be loaded.
        """
        return await self._done(str(path), self._order(path.name, known, path=path))

    async def read_bytes(self, content: bytes, name: str, known: str = "") -> ReadFile:
        """Read what was uploaded under a file's name; gives and raises the same as `read`."""
        self.check_size(name, len(content))
        return await self._done(name, self._order(PurePosixPath(name).name, known, content=content))

    def check_size(self, name: str, size: int) -> None:
        """Raise DocumentUnreadable where a document has more bytes than it may have."""
        try:
            require_size(size, self._max_bytes)
        except DocumentUnreadable as error:
            raise _named(name, error.detail, error.mend) from None

    def _order(self, name: str, known: str, *, path: Path | None = None, content: bytes = b"") -> Order:
        return Order(
            # Absolute, because the process stands elsewhere.
            path=os.fsencode(path.absolute()) if path else b"",
            content=content,
            known=known,
            name=shown(name),
            tokenizer=self._tokenizer,
            passage_tokens=self._passage_tokens,
            max_bytes=self._max_bytes,
            seconds=self._seconds,
        )

    async def _done(self, place: str, order: Order) -> ReadFile:
        try:
            reply = await self._processes.ask(order, self._seconds)
        except TimeoutError as error:
            raise self._too_slow(place) from error
        except NotStarted as error:
            raise _named(
                place,
                f"could not be read, because the process for it did not start ({error})",
                "Free some memory, or let reading have more: [knowledge] reading_memory_gb in mdsa.toml.",
            ) from error
        except ProcessDied as error:
            if OUT_OF_TIME is not None and error.code == -OUT_OF_TIME:
                raise self._too_slow(place) from error
            raise _named(
                place,
                "ended the process that read it, by needing too much memory or by a fault in what reads it",
                "Split it, leave it out, or allow more memory: [knowledge] reading_memory_gb in mdsa.toml.",
            ) from error
        match reply:
            case Read(document, pieces, digest):
                return ReadFile(document, pieces, digest)
            case Same():
                raise Unchanged
            case Refused(reason, mend):
                raise _named(place, reason, mend)
            case Unprepared(reason, mend):
                raise EmbedderUnavailable(reason, mend)

    def _too_slow(self, place: str) -> DocumentUnreadable:
        return _named(
            place,
            f"takes longer to read than the {self._seconds:g} seconds that it may",
            "Split it, leave it out, or allow more time: [knowledge] reading_timeout in mdsa.toml.",
        )


def _named(place: str, reason: str, mend: str) -> DocumentUnreadable:
    return DocumentUnreadable(f"{shown(place)} {reason}", mend)
