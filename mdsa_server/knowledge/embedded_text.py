"""What of a passage is embedded: alone it would lack what it is about."""

from collections.abc import Sequence


def in_context(title: str, heading: Sequence[str], text: str) -> str:
    """Give the text that is embedded for a passage: its title and headings in the line before it.

    A title with which the text begins is not said twice.
    """
    told = "" if text.casefold().startswith(title.casefold()) else title
    context = " > ".join(part for part in (told, *heading) if part)
    return f"{context}\n{text}" if context else text
