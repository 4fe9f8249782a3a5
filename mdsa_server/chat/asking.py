"""Where a turn waits for a word of its owner's: one question at a time, for as long as somebody may be there."""

import asyncio

from mdsa_server.errors import NotAsking

# Who has not answered by then has gone; the turn goes on with what is likelier.
ASK_SECONDS = 120.0


class Asking:
    """One for each turn under way."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[str] | None = None

    async def ask(self) -> str | None:
        """Wait for the answer to what the turn has just told that it asks; None where none comes."""
        self._answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._answer
        except TimeoutError:
            return None
        finally:
            self._answer = None

    def answer(self, word: str) -> None:
        """Have the turn go on. Raises NotAsking."""
        if self._answer is None or self._answer.done():
            raise NotAsking("The turn asks nothing now.", "It was answered already, or has gone on by itself.")
        self._answer.set_result(word)
