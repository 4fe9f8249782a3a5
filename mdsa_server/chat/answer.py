"""Ask the model, and tell what it says as it says it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from mdsa_server.chat.assemble import Prompt
from mdsa_server.inference.lease import Lease
from mdsa_server.inference.ollama import ChatChunk
from mdsa_server.vocabulary.domain import Think
from mdsa_server.vocabulary.events import Thinking, Token
from mdsa_server.vocabulary.stopwatch import Stopwatch


@dataclass
class Answer:
    """What is known of an answer besides its text, filled in as it is told."""

    first_token: float | None = None
    """Seconds from the turn's beginning."""
    last: ChatChunk | None = None
    """The engine's closing line: usage, durations, why it stopped."""


async def tell_answer(
    lease: Lease, prompt: Prompt, answer: Answer, clock: Stopwatch, *, think: Think | None = None
) -> AsyncGenerator[Thinking | Token, None]:
    """Stream the model's answer. Raises EngineError, UnknownModel."""
    chunks = lease.client.chat(
        lease.model, prompt.messages, options=lease.options, keep_alive=lease.keep_alive, think=think
    )
    async with aclosing(chunks):
        async for chunk in chunks:
            if chunk.thinking:
                yield Thinking(at=clock(), text=chunk.thinking)
            if chunk.content:
                if answer.first_token is None:
                    answer.first_token = clock()
                yield Token(at=clock(), text=chunk.content)
            if chunk.done:
                answer.last = chunk
                lease.answered(chunk)
