"""Where a turn waits for a word of its owner's, for as long as somebody may be there."""

import asyncio
from typing import Literal, NamedTuple

from mdsa_server.errors import NotAsking

# Who has not answered by then has gone; the turn goes on with what is likelier.
ASK_SECONDS = 120.0


class Question(NamedTuple):
    """What a turn asks. Of one kind, so that an answer to one question is never taken for one to another."""

    kind: Literal["domain", "approval"]
    call: str = ""
    """Which call is to be allowed, by its name within the turn."""


WHICH_DOMAIN = Question("domain")


class Said(NamedTuple):
    """An answer, and whose it is."""

    word: str
    by: str


class Asking:
    """One for each turn under way."""

    def __init__(self) -> None:
        self._answers: dict[Question, asyncio.Future[Said]] = {}

    async def ask(self, question: Question, seconds: float | None = None) -> Said | None:
        """Wait for the answer to what the turn has just told that it asks; None where none comes.

        It is waited for ASK_SECONDS if `seconds` says nothing else.
        """
        answer: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self._answers[question] = answer
        try:
            async with asyncio.timeout(ASK_SECONDS if seconds is None else seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._answers[question]

    def answer(self, question: Question, said: Said) -> None:
        """Have the turn go on. Raises NotAsking."""
        answer = self._answers.get(question)
        if answer is None or answer.done():
            raise NotAsking("The turn asks no such thing now.", "It was answered already, or has gone on by itself.")
        answer.set_result(said)
