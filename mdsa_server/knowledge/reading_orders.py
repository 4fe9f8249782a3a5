"""What the server and the process that reads for it say to each other."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from mdsa_server.vocabulary.documents import Piece, ReadDocument

LENGTH_BYTES = 8
"""Each message is its length, big end first, and then so many bytes of MessagePack."""
READY = b"mdsa-reader-ready\n"


class Order(Struct, frozen=True, kw_only=True):
    """One document to read, from a path or from bytes that are here."""

    path: bytes = b""
    """As the file system has it, absolute; empty where `content` is to be read."""
    content: bytes = b""
    known: str = ""
    """The digest of what was read before: what has it still is not read again."""
    name: str
    """The file's name, which tells what kind of document it is."""
    tokenizer: str | None
    passage_tokens: int
    max_bytes: int
    seconds: float
    """Of the processor; the time that passes is the server's to watch."""


class Read(Struct, frozen=True, tag=True):
    """What became of an order."""

    document: ReadDocument
    pieces: tuple[Piece, ...]
    digest: str
    """SHA-256 of the bytes that were read, in hex."""


class Same(Struct, frozen=True, tag=True):
    """The bytes have the digest that is known."""


class Refused(Struct, frozen=True, tag=True):
    """The document cannot be read. The reason lacks the document's name in front."""

    reason: str
    mend: str


class Unprepared(Struct, frozen=True, tag=True):
    """No document could be read: the embedding model's tokenizer is not to be had."""

    reason: str
    mend: str


Reply = Read | Same | Refused | Unprepared

encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(Order).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
