"""How many tokens a caller's turns may take a minute: held when a turn begins, settled by what it took."""

from mdsa_server.chat.assemble import RESERVE_MOST
from mdsa_server.chat.token_rates import first_estimate
from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.errors import TooManyRequests
from mdsa_server.monitor.differences import prompt_tokens
from mdsa_server.vocabulary.events import PromptAssembled
from mdsa_server.web.auth import Caller
from mdsa_server.web.rates import Rates

# About as many as most models make one of.
CHARS_A_TOKEN = 4


class Held:
    """Tokens of a caller's minute that one turn has for itself. Turns that begin together find them taken."""

    def __init__(self, rates: Rates, whom: str, per_minute: int, tokens: float) -> None:
        """`tokens` are taken already."""
        self._rates = rates
        self._whom = whom
        self._per_minute = per_minute
        self._tokens = tokens

    def become(self, tokens: float) -> None:
        """Hold so many instead, as soon as it is known better."""
        self._rates.owe(self._whom, self._per_minute, tokens - self._tokens)
        self._tokens = tokens

    async def settle(self, stream: TurnStream) -> None:
        """Follow a turn to its end, and hold what it took; an estimate where the engine did not come to count."""
        read = 0
        async for batch in stream.follow():
            for _, event in batch:
                if isinstance(event, PromptAssembled):
                    read += prompt_tokens(event.ledger)
                    self.become(read + event.ledger.reserve)
        turn = stream.so_far()
        if turn.usage is not None:
            self.become(turn.usage.prompt_tokens + turn.usage.answer_tokens)
        else:
            self.become(read + len(turn.answer + turn.thinking) // CHARS_A_TOKEN)


class TokenLimits:
    """`per_minute` is for keys that have no number of their own and for callers without one; 0 is no bound."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._rates = Rates()

    def hold(self, caller: Caller, message: str) -> Held | None:
        """Hold what a message's turn may take; None where there is no bound. Raises TooManyRequests.

        The message is known, and what an answer has room for; what stands in its prompt besides is held once that is
        made. A turn that may take more than a minute's tokens waits until all of them are there.
        """
        own = caller.key and caller.key.tokens_per_minute
        if not (per_minute := own or self._per_minute):
            return None
        tokens = min(first_estimate(message) + RESERVE_MOST, per_minute)
        if wait := self._rates.wait(caller.counted_as, per_minute, tokens):
            raise TooManyRequests(
                f"the turns of this caller take more than {per_minute:,} tokens a minute",
                "Wait, or take a key that may take more: mdsa keys create NAME --tokens N."
                if own
                else "Wait, or raise [limits] tokens_per_minute in mdsa.toml.",
                wait=wait,
            )
        return Held(self._rates, caller.counted_as, per_minute, tokens)
