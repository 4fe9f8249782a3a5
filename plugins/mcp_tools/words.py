"""What a server says, held to a line that can be read."""

from __future__ import annotations

import unicodedata


def one_line(text: str, most: int) -> str:
    """Give a text without line breaks and what cannot be seen, and at most so many characters of it."""
    # More is not looked at: a text of some megabytes would hold everything up.
    visible = (" " if unicodedata.category(one)[0] in "CZ" else one for one in text[: 4 * most])
    line = " ".join("".join(visible).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
