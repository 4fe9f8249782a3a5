"""The answer: the model is asked, the tools that it asks for are called, and it is asked again, a few times at most."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from mdsa_server.chat.assemble import Prompt, assemble
from mdsa_server.chat.constrained_calls import ConstrainedCaller
from mdsa_server.chat.desk import Desk
from mdsa_server.chat.exchange import Exchange
from mdsa_server.chat.tool_calls import ToolResult
from mdsa_server.chat.tool_offer import specification
from mdsa_server.chat.tool_round import MOST_CALLS, Round, Wanted
from mdsa_server.chat.tool_way import is_small, way_of
from mdsa_server.inference.chat_lines import ChatChunk
from mdsa_server.inference.lease import Lease
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.events import ContextTrimmed, PromptAssembled, Thinking, Token, TurnEvent
from mdsa_server.vocabulary.models import ModelDetails
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.tools import ToolUse
from mdsa_server.vocabulary.turn import Turn, Usage

# Of the room that is left in the context, the results of one round take at most this much.
RESULTS_SHARE = 0.6
LEAST_RESULT_BYTES = 200
# How often a model may ask for what cannot be called before it has to answer without tools.
MOST_MISFITS = 2
PARAGRAPH = "\n\n"
NOTHING_SAID = "The model made no answer of what the tools gave."

NO_ROOM = "no_room"
"""Why a turn ended that was to rest on documents, and found what does not fit into the model's context."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and what the answer may rest on."""

    domain: Domain
    history: Sequence[Turn]
    passages: Sequence[Passage]
    message: str
    tools: Sequence[tuple[Tool, float]]
    """Those that may be called, with their likeness to the message."""


@dataclass
class Answer:
    """What is known of an answer besides its text, filled in as it is told."""

    first_token: float | None = None
    """Seconds from the turn's beginning."""
    reason: str = "stop"
    """Why the model stopped, as the engine says it."""
    usage: Usage | None = None
    """Of all that the model was asked; None where it was asked nothing."""
    load_seconds: float = 0.0
    """How long the model was loaded for it, by this server or by the engine itself."""

    def add(self, last: ChatChunk) -> None:
        """Add what the engine counted, one more time that the model was asked."""
        before = self.usage or Usage()
        self.usage = Usage(
            prompt_tokens=before.prompt_tokens + last.prompt_tokens,
            answer_tokens=before.answer_tokens + last.answer_tokens,
        )
        self.load_seconds += last.load_seconds


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
    _repeats: bool = False
    """The model asks for what it was given already."""

    async def events(self) -> AsyncGenerator[TurnEvent, None]:
        """Tell the answer. Raises EngineError, UnknownModel, MessageTooLong, and what admission to a model raises."""
        domain = self.question.domain
        models = domain.models or (await self.desk.keeper.engine.default_model(),)
        while True:
            if self._details and is_small(self._details) and (told := self.exchange.in_words()):
                yield self._token(told)
                return
            wanted: list[Wanted] = []
            async with self.desk.keeper.lease(models, domain.options) as lease:
                async for event in lease.admission(self.round.clock):
                    yield event
                self.answer.load_seconds += lease.load_seconds
                models = (lease.model,)
                if self.question.tools:
                    self._details = lease.details
                async with aclosing(self._ask(lease, wanted)) as pieces:
                    async for piece in pieces:
                        yield piece
                rate = self.desk.token_rates.rate(lease.model)
            if not wanted:
                if self.exchange.rounds and not self._said:
                    yield self._token(self.exchange.in_words() or NOTHING_SAID)
                return
            self._repeats = all(map(self.exchange.made_before, wanted))
            if not self._repeats:
                async with aclosing(self._call(wanted, rate)) as made:
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

    async def _ask(self, lease: Lease, wanted: list[Wanted]) -> AsyncGenerator[TurnEvent, None]:
        """Ask the model once; it answers, or fills `wanted` with the calls that it asks for."""
        way, rate = self._way, self.desk.token_rates.rate(lease.model)
        tools = [specification(tool) for tool, _ in self.question.tools] if way == "native" else []
        prompt = self._assembled(lease, tools, rate)
        if trimmed := self._trimmed(lease, prompt):
            yield trimmed
        self._prompt = prompt
        if self.question.domain.says_so and not prompt.passages and not self.exchange.rounds:
            self.answer.reason = NO_ROOM
            yield self._token(nothing_fits(self.question.domain, lease.context))
            return
        yield PromptAssembled(at=self.round.clock(), model=lease.model, ledger=prompt.ledger, passages=prompt.passages)
        if way == "constrained":
            caller = ConstrainedCaller(lease, self.question.tools, rate)
            before = [message for message in prompt.messages if message.role != "system"][-3:-1]
            wanted += await caller.decide(
                self.question.message, () if self.exchange.rounds else before, self.exchange, f"{next(self._numbers)}"
            )
            for last in caller.closing_lines:
                self.answer.add(last)
            if wanted:
                self._said = ""
                return
        said: list[str] = []
        separator = PARAGRAPH if self._said else ""
        chunks = lease.client.chat(
            lease.model,
            prompt.messages,
            options=lease.options,
            keep_alive=lease.keep_alive,
            think=self.question.domain.think,
            tools=tools,
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                if chunk.thinking:
                    yield Thinking(at=self.round.clock(), text=chunk.thinking)
                if chunk.content:
                    yield self._token(separator + chunk.content)
                    separator = ""
                    said.append(chunk.content)
                if tools:
                    wanted += [self._wanted(call) for call in chunk.tool_calls]
                if chunk.done:
                    self.answer.reason = chunk.done_reason
                    self.answer.add(chunk)
                    lease.answered(chunk)
                    if not tools:  # The engine adds their descriptions in a form of its own.
                        self.desk.token_rates.learn(lease.model, prompt.messages, chunk.prompt_tokens)
        self._said = "".join(said)
        del wanted[MOST_CALLS:]

    async def _call(self, wanted: Sequence[Wanted], rate: float) -> AsyncGenerator[TurnEvent, None]:
        """Make calls, and keep what came of them for the model."""
        spare = max(self._prompt.spare, 0) if self._prompt else 0
        most = max(int(spare * RESULTS_SHARE / rate / len(wanted)), LEAST_RESULT_BYTES)
        results: dict[str, ToolResult] = {}
        async with aclosing(self.round.run(wanted, most, results)) as events:
            async for event in events:
                yield event
        made = [(one, results[one.call]) for one in wanted]
        if self._details and self._way == "native":
            for _, result in made:
                self.desk.tool_records.note(self._details, usable=result.outcome not in ("invalid", "unknown"))
        self.exchange.add(self._said, made)

    def _assembled(self, lease: Lease, tools: Sequence[dict[str, Any]], rate: float) -> Prompt:
        asked, details = self.question.domain.tool_use, self._details
        by_roles = details is not None and way_of(asked, details, self.desk.tool_records) == "native"
        return assemble(
            self.question.domain,
            [earlier for earlier in self.question.history if earlier.answer],
            self.question.passages,
            self.question.message,
            context=lease.context,
            tokens_per_byte=rate,
            tools=msgspec.json.encode(tools).decode() if tools else "",
            exchange=self.exchange.messages(by_roles=by_roles),
        )

    def _trimmed(self, lease: Lease, prompt: Prompt) -> ContextTrimmed | None:
        """Tell what was left out of the prompt where that is news."""
        before = _left_out(self._prompt) if self._prompt else (0, 0, 0)
        turns, passages, shortened = now = _left_out(prompt)
        if now == before:
            return None
        return ContextTrimmed(
            at=self.round.clock(), turns=turns, passages=passages, shortened=shortened, context=lease.context
        )

    def _token(self, text: str) -> Token:
        at = self.round.clock()
        if self.answer.first_token is None:
            self.answer.first_token = at
        return Token(at=at, text=text)

    def _wanted(self, call: dict[str, Any]) -> Wanted:
        """Read a call as the engine gives it, or the model wrote it."""
        function = call.get("function")
        asked: dict[str, Any] = function if isinstance(function, dict) else {}
        arguments = asked.get("arguments") or {}
        if isinstance(arguments, str):
            with suppress(ValueError):  # Then it stays what it is, and is told not to fit.
                arguments = json.loads(arguments)
        if not isinstance(arguments, dict):
            arguments = {"arguments": arguments}
        return Wanted(f"{next(self._numbers)}", str(asked.get("name", "")), arguments)


def nothing_fits(domain: Domain, context: int) -> str:
    """Say what is said in place of an answer where nothing that it could rest on fits into the model's context."""
    return (
        f"The documents of {domain.name} hold something about this, but none of it fits beside the message into the "
        f"model's context of {context} tokens. A larger one is set by num_ctx in [domains.{domain.name}.options] of "
        "mdsa.toml."
    )


def _left_out(prompt: Prompt) -> tuple[int, int, int]:
    ledger = prompt.ledger
    return ledger.dropped_turns, ledger.dropped_passages, ledger.shortened_passages
