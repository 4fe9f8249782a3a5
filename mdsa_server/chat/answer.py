"""The answer: the model is asked, the tools that it asks for are called, and it is asked again, a few times at most."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
from msgspec.structs import replace

from mdsa_server.chat.assemble import Prompt, assemble
from mdsa_server.chat.constrained_calls import ConstrainedCaller
from mdsa_server.chat.desk import Desk
from mdsa_server.chat.exchange import Exchange
from mdsa_server.chat.native_calls import offered, wanted_of
from mdsa_server.chat.question import Answer, Question
from mdsa_server.chat.token_rates import Estimate, beginning
from mdsa_server.chat.tool_calls import ToolResult
from mdsa_server.chat.tool_round import MOST_ASKED, Round, Wanted
from mdsa_server.chat.tool_way import is_small, way_of
from mdsa_server.errors import MessageTooLong, PromptTooLong
from mdsa_server.inference.chat_lines import ChatChunk
from mdsa_server.inference.lease import Lease
from mdsa_server.vocabulary.citations import without_citations
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.events import (
    CallsConsidered,
    ContextTrimmed,
    PromptAssembled,
    PromptOverran,
    PromptRefused,
    Thinking,
    Token,
    TurnEvent,
)
from mdsa_server.vocabulary.models import ModelDetails
from mdsa_server.vocabulary.tools import ToolUse
from mdsa_server.vocabulary.turn import Ledger, Turn

# Of the room that is left in the context, the results of one round take at most this much.
RESULTS_SHARE = 0.6
LEAST_RESULT_TOKENS = 70
# How often a model may ask for what cannot be called before it has to answer without tools.
MOST_MISFITS = 2
PARAGRAPH = "\n\n"
NOTHING_SAID = "The model made no answer of what the tools gave."

NO_ROOM = "no_room"
"""Why a turn ended that was to rest on documents, and found what does not fit into the model's context."""


@dataclass
class Telling:
    """An answer on its way. The model is leased while it is asked, and no longer: not while tools are called."""

    desk: Desk
    question: Question
    round: Round
    answer: Answer
    exchange: Exchange = field(default_factory=Exchange)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _details: ModelDetails | None = None
    """What the model can do; asked for where there are tools."""
    _prompt: Prompt | None = None
    _said: str = ""
    """What the model said when it was last asked."""
    _begun: bool = False
    """Whether anything was told yet."""
    _repeats: bool = False
    """The model asks for what it was given already."""

    async def events(self) -> AsyncGenerator[TurnEvent, None]:
        """Tell the answer. Raises EngineError, UnknownModel, MessageTooLong, and what admission to a model raises."""
        domain = self.question.domain
        models = domain.models or (await self.desk.keeper.engine.default_model(),)
        while True:
            if self._details and is_small(self._details) and (told := self.exchange.in_words()):
                yield self._token(told, apart=True)
                return
            wanted: list[Wanted] = []
            async with self.desk.keeper.lease(models, domain.options) as lease:
                async for event in lease.admission(self.round.clock):
                    yield event
                self.answer.load_seconds += lease.load_seconds
                models = (lease.model,)
                if self.question.tools:
                    self._details = lease.details
                async with aclosing(self._ask_again(lease, wanted)) as pieces:
                    async for piece in pieces:
                        yield piece
            if not wanted:
                if self.exchange.rounds and not self._said:
                    yield self._token(self.exchange.in_words() or NOTHING_SAID, apart=True)
                return
            fresh = self.exchange.not_made_yet(wanted)
            self._repeats = not fresh
            if fresh:
                async with aclosing(self._call(fresh, self.desk.token_rates.estimate(lease.model))) as made:
                    async for happened in made:
                        yield happened

    @property
    def _way(self) -> ToolUse:
        """How the model may call tools this time."""
        rounds, policy = self.exchange.rounds, self.round.policy
        if self._details is None or len(rounds) >= policy.max_rounds:
            return "off"
        if self._repeats or self.exchange.misfits >= MOST_MISFITS:
            return "off"
        return way_of(self.question.domain.tool_use, self._details, self.desk.tool_records)

    async def _ask_again(self, lease: Lease, wanted: list[Wanted]) -> AsyncGenerator[TurnEvent, None]:
        """Ask the model, and once more with a shorter prompt where the engine refuses one for its length."""
        for last in (False, True):
            try:
                async with aclosing(self._ask(lease, wanted)) as pieces:
                    async for piece in pieces:
                        yield piece
            except PromptTooLong as refused:
                if last or self._prompt is None:
                    raise
                yield PromptRefused(at=self.round.clock(), tokens=refused.tokens, context=lease.context)
                sent = self._prompt.messages
                self.desk.token_rates.refused(lease.model, sent, lease.context, refused.tokens)
            else:
                return

    async def _ask(self, lease: Lease, wanted: list[Wanted]) -> AsyncGenerator[TurnEvent, None]:
        """Ask the model once; it answers, or fills `wanted` with the calls that it asks for."""
        self._said = ""
        way, tokens_of = self._way, self.desk.token_rates.estimate(lease.model)
        tools = offered(self.question.tools, lease.context, tokens_of) if way == "native" else []
        try:
            prompt = self._assembled(lease, tools, tokens_of)
        except MessageTooLong:
            if not self.exchange.rounds:
                raise
            return  # What the tools gave is told as it is: they were called, and that must not be lost.
        before, self._prompt = self._prompt, prompt
        if self.question.domain.says_so and not prompt.passages and not self.exchange.rounds:
            if trimmed := self._trimmed(lease, before, prompt):
                yield trimmed
            self.answer.reason = NO_ROOM
            yield self._token(nothing_fits(self.question.domain, lease.context))
            return
        if way == "constrained":
            caller = ConstrainedCaller(lease, self.question.tools, tokens_of)
            if caller.candidates:
                yield CallsConsidered(at=self.round.clock(), model=lease.model, tools=caller.candidates)
                wanted += await self._decided(caller, prompt)
            if wanted:
                ledger = _of_a_decision(prompt.ledger, caller.closing_lines)
                yield PromptAssembled(at=self.round.clock(), model=lease.model, ledger=ledger)
                return
        if trimmed := self._trimmed(lease, before, prompt):
            yield trimmed
        yield PromptAssembled(at=self.round.clock(), model=lease.model, ledger=prompt.ledger, passages=prompt.passages)
        said: list[str] = []
        chunks = lease.client.chat(
            lease.model,
            prompt.messages,
            options=lease.options,
            keep_alive=lease.keep_alive,
            think=self.question.domain.think,
            tools=tools,
            whole=True,
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                if chunk.thinking:
                    yield Thinking(at=self.round.clock(), text=chunk.thinking)
                if chunk.content:
                    yield self._token(chunk.content, apart=not said)
                    said.append(chunk.content)
                if tools:
                    wanted += [wanted_of(call, f"{next(self._numbers)}") for call in chunk.tool_calls]
                if chunk.done:
                    self.answer.reason = chunk.done_reason
                    self.answer.add(chunk)
                    lease.answered(chunk)
                    room = lease.context - prompt.ledger.reserve
                    if chunk.prompt_tokens > room:
                        yield PromptOverran(
                            at=self.round.clock(), counted=chunk.prompt_tokens, room=room, context=lease.context
                        )
                    if not tools and not self.exchange.rounds:  # Engines write tools and calls in forms of their own.
                        self.desk.token_rates.learn(lease.model, prompt.messages, chunk.prompt_tokens, room=room)
        self._said = "".join(said)
        del wanted[MOST_ASKED:]

    async def _decided(self, caller: ConstrainedCaller, prompt: Prompt) -> list[Wanted]:
        """Have a model that is held to a schema say what it wants called; `prompt` is what it would answer from."""
        before = [message for message in prompt.messages if message.role != "system"][-3:-1]
        wanted = await caller.decide(
            self.question.message, () if self.exchange.rounds else before, self.exchange, f"{next(self._numbers)}"
        )
        for last in caller.closing_lines:
            self.answer.add(last)
        return wanted

    async def _call(self, wanted: Sequence[Wanted], tokens_of: Estimate) -> AsyncGenerator[TurnEvent, None]:
        """Make calls, and keep what came of them for the model."""
        spare = max(self._prompt.spare, 0) if self._prompt else 0
        most = max(int(spare * RESULTS_SHARE / len(wanted)), LEAST_RESULT_TOKENS)
        results: dict[str, ToolResult] = {}
        async with aclosing(self.round.run(wanted, lambda text: beginning(text, most, tokens_of), results)) as events:
            async for event in events:
                yield event
        made = [(one, results[one.call]) for one in wanted]
        if self._details and self._way == "native":
            for _, result in made:
                self.desk.tool_records.note(self._details, usable=result.outcome not in ("invalid", "unknown"))
        self.exchange.add(self._said, made)

    def _assembled(self, lease: Lease, tools: Sequence[dict[str, Any]], tokens_of: Estimate) -> Prompt:
        asked, details = self.question.domain.tool_use, self._details
        by_roles = details is not None and way_of(asked, details, self.desk.tool_records) == "native"
        prompt = assemble(
            self.question.domain,
            [_without_citations(earlier) for earlier in self.question.history if earlier.answer],
            self.question.passages,
            self.question.message,
            context=lease.context,
            older=self.question.older,
            tokens_of=tokens_of,
            tools=msgspec.json.encode(tools).decode() if tools else "",
            exchange=self.exchange.messages(by_roles=by_roles),
        )
        if not by_roles:
            return prompt
        return dataclasses.replace(
            prompt, ledger=replace(prompt.ledger, dropped_tools=len(self.question.tools) - len(tools))
        )

    def _trimmed(self, lease: Lease, before: Prompt | None, prompt: Prompt) -> ContextTrimmed | None:
        """Tell what was left out of the prompt where that is news."""
        turns, passages, shortened = now = _left_out(prompt)
        if now == (_left_out(before) if before else (0, 0, 0)):
            return None
        return ContextTrimmed(
            at=self.round.clock(), turns=turns, passages=passages, shortened=shortened, context=lease.context
        )

    def _token(self, text: str, *, apart: bool = False) -> Token:
        """Tell a piece of the answer, `apart` as a paragraph of its own where there was one before."""
        at = self.round.clock()
        if apart and self._begun:
            text = PARAGRAPH + text
        self._begun = True
        if self.answer.first_token is None:
            self.answer.first_token = at
        return Token(at=at, text=text)


def _of_a_decision(ledger: Ledger, counted: Sequence[ChatChunk]) -> Ledger:
    """Tell where the context went when the model was asked for a call alone: its question, and the tools.

    What the engine counted of the longest prompt, beyond the question, is theirs: which there are, how one is asked.
    """
    longest = max((last.prompt_tokens for last in counted), default=0)
    return replace(
        ledger,
        instructions=0,
        history=0,
        passages=0,
        tools=max(longest - ledger.question, 0),
        dropped_turns=0,
        dropped_passages=0,
        shortened_passages=0,
    )


def nothing_fits(domain: Domain, context: int) -> str:
    """Say what is said in place of an answer where nothing that it could rest on fits into the model's context."""
    return (
        f"The documents of {domain.name} hold something about this, but none of it fits beside the message into the "
        f"model's context of {context} tokens. A larger one is set by num_ctx in [domains.{domain.name}.options] of "
        "mdsa.toml."
    )


def _without_citations(turn: Turn) -> Turn:
    """Give an earlier turn whose answer cites nothing: the numbers of its passages now name others."""
    return replace(turn, answer=without_citations(turn.answer, {given.number for given in turn.given}))


def _left_out(prompt: Prompt) -> tuple[int, int, int]:
    ledger = prompt.ledger
    return ledger.dropped_turns, ledger.dropped_passages, ledger.shortened_passages
