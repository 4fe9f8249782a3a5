"""Which passages a prompt has room for, and how much of each. Pure."""

from collections.abc import Callable, Iterator, Sequence

from mdsa_server.vocabulary.passages import GivenPassage, Passage

Cost = Callable[[Passage], int]
"""Tokens that a passage takes in the prompt."""


def fitting(passages: Sequence[Passage], room: int, cost: Cost) -> Iterator[tuple[GivenPassage, Passage]]:
    """Give what fits into `room` tokens, the best first, each as it is to stand in the prompt.

    Of a joined passage that is too long its best part is taken, and as many of the parts around it as fit. What is too
    long even so is passed over: a shorter one after it may fit.
    """
    for number, passage in enumerate(passages, 1):
        fits = passage if cost(passage) <= room else _part_of(passage, room, cost)
        if fits is None:
            continue
        room -= cost(fits)
        whole = fits is passage
        yield (
            GivenPassage(
                number=number,
                first=None if whole else fits.parts[0].place,
                last=None if whole else fits.parts[-1].place,
            ),
            fits,
        )


def _part_of(passage: Passage, room: int, cost: Cost) -> Passage | None:
    """Give the best part of a joined passage that fits, with those around it, the better side first."""
    scores = {part.place: part.score for part in passage.parts}
    alone = (passage.between(place, place) for place in sorted(scores, key=lambda place: -scores[place]))
    fits = next((part for part in alone if cost(part) <= room), None)
    while fits is not None:
        first, last = fits.parts[0].place, fits.parts[-1].place
        beside = sorted({first - 1, last + 1} & scores.keys(), key=lambda place: -scores[place])
        wider = (passage.between(min(first, place), max(last, place)) for place in beside)
        longer = next((part for part in wider if cost(part) <= room), None)
        if longer is None:
            break
        fits = longer
    return fits
