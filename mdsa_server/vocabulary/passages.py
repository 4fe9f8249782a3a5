"""Passages: the pieces of documents that an answer may rest on."""

from msgspec import Struct


class Passage(Struct, frozen=True, kw_only=True):
    """One chunk of one document, with how well it matched and who found it."""

    text: str
    source: str
    """Where a person finds it: a path, an address."""
    title: str = ""
    collection: str = ""
    score: float = 0.0
    """Higher is better; comparable only within one retriever's answer."""
    retriever: str = ""
