"""Where in a plugin's code something was raised, told without what was raised: that may hold a user's message."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

# The innermost frames tell most; an endless recursion has a thousand.
MOST_FRAMES = 20
MOST_CAUSES = 5
MOST_CHARS = 6_000


def place_in(error: BaseException) -> str:
    """Give file and line of the innermost frame, in brackets; empty where there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def traceback_of(error: BaseException) -> str:
    """Give the frames and the kind of an error and its causes, the oldest first; at most MOST_CHARS, from the end."""
    parts = [
        "Traceback (most recent call last):\n"
        + "".join(traceback.format_tb(one.__traceback__, limit=-MOST_FRAMES))
        + type(one).__qualname__
        for one in _with_causes(error)
    ]
    text = "\n\n".join(reversed(parts))
    return text if len(text) <= MOST_CHARS else f"…{text[-MOST_CHARS:]}"


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if one is None:
            return
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
