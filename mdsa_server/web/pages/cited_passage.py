"""A passage as a turn was given it, which is kept with the turn: its document may be gone, or read anew since."""

import asyncio
from dataclasses import dataclass

from mdsa_server.errors import UnknownTurn
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.web.auth import Caller
from mdsa_server.web.pages.answer_view import finished_answer
from mdsa_server.web.pages.passage_view import heading_apart, paragraphs
from mdsa_server.web.rooms import Rooms


@dataclass(frozen=True)
class CitedPassage:
    """What `fragments/passage_cited.html` needs of it."""

    passage: Passage
    heading: str
    """The heading that its text begins with, if it does."""
    paragraphs: tuple[str, ...]


async def cited_passage(rooms: Rooms, caller: Caller, turn: str, number: int) -> CitedPassage | None:
    """Give the passage that has a number in a turn's answer; None where there is none."""
    try:
        ended = await rooms.turn_log.read(caller.owner, turn)
    except UnknownTurn:
        return None
    sources = (await asyncio.to_thread(finished_answer, ended)).sources
    passage = next((source.passage for source in sources if source.number == number), None)
    if passage is None:
        return None
    heading, text = heading_apart(passage.text, (passage.title, *passage.heading)[-1])
    return CitedPassage(passage, heading if passage.heading else "", tuple(paragraphs(text)))
