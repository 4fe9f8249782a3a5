"""Passages: the pieces of documents that an answer may rest on."""

from msgspec import Struct, field
from msgspec.structs import replace


class PassagePart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the document's passages within a passage that several were joined to."""

    place: int
    start: int
    """Where it begins in the text of the whole, in characters; it ends where the next one begins."""
    score: float = 0.0
    heading: tuple[str, ...] = ()
    page: int | None = None


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
    message), `feedback` (cosine to the message moved towards the best of what was found), `fusion`, `words` (how much
    of the message stands in it word for word, rare words counting most) and, where there is a reranker, `rerank`."""
    retriever: str = ""
    heading: tuple[str, ...] = ()
    """The headings it stands below, outermost first."""
    page: int | None = None
    """Counted from 1."""
    document: str = ""
    """The id of the document, where this server keeps it."""
    place: int | None = None
    """Which of the document's passages it is, counted from 0, where this server keeps it; of several that were joined
    the best, as are its headings, page and scores."""
    parts: tuple[PassagePart, ...] = ()
    """What it was joined of, one after the other; empty where it was not."""

    def matches(self, *, least_cosine: float, least_words: float) -> bool:
        """Whether it is so like the message in meaning, or has so much of it word for word, that it may be about it.

        While vectors are still being made, words alone are searched: what has no cosine is taken to match.
        """
        alike = self.scores.get("cosine", 1.0) >= least_cosine
        return alike or self.scores.get("words", 0.0) >= least_words

    def between(self, first: int, last: int) -> "Passage":
        """Give what is left of a joined passage from one of its places to another, both included."""
        left = [part for part in self.parts if first <= part.place <= last]
        end = next((part.start for part in self.parts if part.place > last), len(self.text))
        best = max(left, key=lambda part: part.score)
        begin = left[0].start
        return replace(
            self,
            text=self.text[begin:end],
            heading=best.heading,
            page=best.page,
            place=best.place,
            parts=tuple(replace(part, start=part.start - begin) for part in left),
        )


class GivenPassage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passage that stands in a prompt."""

    number: int
    """Its number there: its place among those that were found, from 1."""
    first: int | None = None
    """Where only a part of a joined passage fits, its first place, and `last` its last."""
    last: int | None = None

    def of(self, found: tuple[Passage, ...]) -> Passage:
        """Give the passage as it stands in the prompt."""
        passage = found[self.number - 1]
        return passage if self.first is None or self.last is None else passage.between(self.first, self.last)
