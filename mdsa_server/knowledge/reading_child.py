"""The process that reads documents for the server, one after the other, within limits.

What a hostile file can do it does here: `python -m mdsa_server.knowledge.reading_child MEMORY`, where MEMORY is the
most bytes it may take. It ends when its stdin does.
"""

from __future__ import annotations

import hashlib
import math
import os
import signal
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from msgspec.structs import replace

from mdsa_server.errors import DocumentUnreadable, EmbedderUnavailable
from mdsa_server.knowledge.file_bytes import require_size, require_text_size, take
from mdsa_server.knowledge.formats.characters import one_line
from mdsa_server.knowledge.formats.choose import read_content
from mdsa_server.knowledge.reading_orders import (
    LENGTH_BYTES,
    READY,
    Order,
    Read,
    Refused,
    Reply,
    Same,
    Unprepared,
    decode_order,
    encode,
)
from mdsa_server.knowledge.splitting import fitting_title, split
from mdsa_server.knowledge.token_count import counter

count_tokens = lru_cache(maxsize=1)(counter)


def main() -> None:
    """Serve orders from stdin on stdout until there are no more, or one of them used up the memory."""
    # Ctrl+C in a terminal is for the server, which ends this process in its turn.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, replies = _apart()
    memory = int(sys.argv[1])
    _limit_memory(memory)
    replies.write(READY)
    while length := orders.read(LENGTH_BYTES):
        order = decode_order(orders.read(int.from_bytes(length, "big")))
        exhausted = False
        try:
            _limit_processor(order.seconds)
            reply = encode(_reply(order))
        except MemoryError:
            exhausted = True
        if exhausted:
            # After the except clause: until its end the error holds all that filled the memory.
            reply = encode(out_of_memory(memory))
        replies.write(len(reply).to_bytes(LENGTH_BYTES, "big") + reply)
        if exhausted:
            return


def out_of_memory(memory: int) -> Refused:
    """What is said of a document that needs more memory than it may have."""
    return Refused(
        f"needs more than the {memory // 1_000_000:,} MB of memory that reading may take",
        "Split it, leave it out, or allow more memory: [knowledge] reading_memory_gb in mdsa.toml.",
    )


def _reply(order: Order) -> Reply:
    try:
        content = order.content
        if order.path:
            content = take(order.path, order.max_bytes)
        require_size(len(content), order.max_bytes)
        digest = hashlib.sha256(content).hexdigest()
        if digest == order.known:
            return Same()
        count = count_tokens(Path(order.tokenizer) if order.tokenizer else None, order.passage_tokens)
        document = read_content(content, order.name)
        # A small file may say the same a thousand times over, and splitting and embedding it take the most time.
        require_text_size(len(document.text), order.max_bytes)
        # It stands before each passage, and only here is it known how many tokens it has.
        title = fitting_title(document.title, count, order.passage_tokens) or document.title
        pieces = split(document, count, order.passage_tokens)
        return Read(replace(document, title=title), pieces, digest)
    except DocumentUnreadable as error:
        return Refused(error.detail, error.mend)
    except EmbedderUnavailable as error:
        return Unprepared(error.detail, error.mend)
    except MemoryError:
        raise
    except Exception as error:
        # Whatever the libraries make of a damaged file, it is this file's fault alone.
        return Refused(
            f"cannot be parsed ({one_line(f'{type(error).__name__}: {error}')})", "Check that it opens elsewhere."
        )


def _apart() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the orders alone: what a library prints goes nowhere."""
    orders = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    # Unbuffered, so that nothing is left behind when this process is killed.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return orders, replies


def _limit_memory(memory: int) -> None:
    # Windows has no such limits, and macOS refuses some: there the time alone is bounded.
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _limit_processor(seconds: float) -> None:
    """Bound one order's time: even when the server was killed and no one is left to end this process."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + seconds), hard))


if __name__ == "__main__":
    main()
