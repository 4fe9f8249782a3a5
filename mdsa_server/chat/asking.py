"""Where a turn waits for a word of its owner's, for as long as somebody may be there."""

import asyncio
from typing import NamedTuple

from mdsa_server.errors import NotAsking

# Who has not answered by then has gone; the turn goes on with what is likelier.
ASK_SECONDS = 120.0

WHICH_DOMAIN = "domain"
"""The question which domain is meant. A call that waits to be allowed is asked for by its own name."""


class Said(NamedTuple):
    """An answer, and whose it is."""

    word: str
    by: str


class Asking:
    """One for each turn under way."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Future[Said]] = {}

    async def ask(self, question: str, seconds: float = ASK_SECONDS) -> Said | None:
        """Wait for the answer to what the turn has just told that it asks; None where none comes."""
        answer: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._answers[question] = answer
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._answers[question]

    def answer(self, question: str, said: Said) -> None:
        """Have the turn go on. Raises NotAsking."""
        answer = self._answers.get(question)
        if answer is None or answer.done():
            raise NotAsking("The turn asks no such thing now.", "It was answered already, or has gone on by itself.")
        answer.set_result(said)
