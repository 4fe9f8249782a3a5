"""How an answer cites passages: by their numbers, [1], [1, 3], [1-3] and [1][3]."""

import re
from collections.abc import Collection

SPAN = r"\d{1,2}(?:\s*[-–]\s*\d{1,2})?"
CITATION = re.compile(rf"\[({SPAN}(?:\s*[,;]\s*{SPAN})*)\]")
"""What cites; its first group is for `numbers_in`."""


def cited(text: str, numbers: Collection[int]) -> frozenset[int]:
    """Give those of the `numbers` of passages that a text cites."""
    return frozenset(number for match in CITATION.finditer(text) for number in numbers_in(match[1], numbers))


def numbers_in(citation: str, known: Collection[int]) -> list[int]:
    """Give the numbers that a citation names; none where it names what is not known. A span may have gaps."""
    named: list[int] = []
    for span in re.split("[,;]", citation):
        ends = [int(number) for number in re.findall(r"\d+", span)]
        if not set(ends) <= set(known) or ends != sorted(ends):
            return []
        named += [number for number in range(ends[0], ends[-1] + 1) if number in known]
    return named
