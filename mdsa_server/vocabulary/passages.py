"""Passages: the pieces of documents that an answer may rest on."""

from msgspec import Struct, field


class Passage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of one document, with how well it matched and who found it."""

    text: str
    source: str
    """Where a person finds it: a path, an address."""
    title: str = ""
    collection: str = ""
    score: float = 0.0
    """Higher is better; comparable only within one retriever's answer."""
    scores: dict[str, float] = field(default_factory=dict)
    """The score of each stage that it went through, by its name; those of our own search are `bm25`, `cosine` (to the
    message), `feedback` (cosine to the message moved towards the best of what was found), `fusion` and, where there is
    a reranker, `rerank`."""
    retriever: str = ""
    heading: tuple[str, ...] = ()
    """The headings it stands below, outermost first."""
    page: int | None = None
    """Counted from 1."""
    document: str = ""
    """The id of the document, where this server keeps it."""
    place: int | None = None
    """Which of the document's passages it begins with, counted from 0, where this server keeps it."""
