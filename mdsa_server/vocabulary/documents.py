"""Documents: what was read of a file, and the pieces that its passages will be made of."""

from msgspec import Struct


class Heading(Struct, frozen=True):
    """A heading in a document's text."""

    start: int
    """Where its line begins, in characters of the text."""
    level: int
    """1 is the highest."""
    text: str


class ReadDocument(Struct, frozen=True, kw_only=True):
    """The text of one document. It holds no control characters but line ends and tabs, and no lone surrogates."""

    title: str
    text: str
    type: str
    """`markdown`, `text`, `html`, `pdf`, `docx`, `code` or `csv`."""
    headings: tuple[Heading, ...] = ()
    """In the order of the text, no two at one place."""
    pages: tuple[int, ...] = ()
    """Where each page begins, in characters of the text; empty where there are no pages."""


class Piece(Struct, frozen=True, kw_only=True):
    """What one passage will be: the characters from `start` up to `end` of a document's text."""

    start: int
    end: int
    heading: tuple[str, ...] = ()
    """The headings it stands below, outermost first; of long ones only the innermost, perhaps cut."""
    page: int | None = None
    """The page it begins on, counted from 1."""
