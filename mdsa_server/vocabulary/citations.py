"""How an answer cites passages: by their numbers, [1], [1, 3], [1-3] and [1][3]."""

import re
from collections.abc import Collection

SPAN = r"\d{1,2}(?:\s*[-–]\s*\d{1,2})?"
CITATION = re.compile(rf"\[({SPAN}(?:\s*[,;]\s*{SPAN})*)\]")
"""What cites; its first group is for `numbers_in`."""
# Blocks between fences, the last of which may have no end yet, and spans between backticks.
BLOCK = r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*(?:\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)|\Z)"
SPAN_OF_CODE = r"(?<!`)(?P<ticks>`+)(?!`)(?:(?!\n\n).)+?(?<!`)(?P=ticks)(?!`)"
CODE = re.compile(f"{BLOCK}|{SPAN_OF_CODE}", re.MULTILINE | re.DOTALL)
"""Code in Markdown, where numbers in brackets cite nothing."""
CODE_OR_CITATION = re.compile(
    rf"{BLOCK}|{SPAN_OF_CODE}| ?\[(?P<citation>{SPAN}(?:\s*[,;]\s*{SPAN})*)\]", re.MULTILINE | re.DOTALL
)


def cited(text: str, numbers: Collection[int]) -> frozenset[int]:
    """Give those of the `numbers` of passages that a text cites."""
    prose = CODE.sub(" ", text)
    return frozenset(number for match in CITATION.finditer(prose) for number in numbers_in(match[1], numbers))


def without_citations(text: str, numbers: Collection[int]) -> str:
    """Take out of a text what cites any of the `numbers`."""

    def taken_out(match: re.Match[str]) -> str:
        cites = match["citation"] is not None and numbers_in(match["citation"], numbers)
        return "" if cites else match[0]

    return CODE_OR_CITATION.sub(taken_out, text)


def numbers_in(citation: str, known: Collection[int]) -> list[int]:
    """Give the numbers that a citation names; none where it names what is not known. A span may have gaps."""
    named: list[int] = []
    for span in re.split("[,;]", citation):
        ends = [int(number) for number in re.findall(r"\d+", span)]
        if not set(ends) <= set(known) or ends != sorted(ends):
            return []
        named += [number for number in range(ends[0], ends[-1] + 1) if number in known]
    return named
