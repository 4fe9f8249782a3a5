"""Calls by a model that cannot make them by itself: its answers are held to a JSON schema.

It is asked twice: which tool the message needs, if any, and then for the arguments. Only tools whose descriptions are
like the message are put to it; a small model that is shown others takes one of them. `python -m benchmarks.tools`
measures what comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

import structlog

from mdsa_server.chat.answer_schema import LONGEST_TEXT, copied_from, required_only, within_grammar
from mdsa_server.chat.exchange import Exchange
from mdsa_server.chat.marked_data import as_data
from mdsa_server.chat.model_json import object_in
from mdsa_server.chat.token_rates import Estimate, beginning
from mdsa_server.chat.tool_offer import TOOLS
from mdsa_server.chat.tool_round import Wanted
from mdsa_server.chat.tool_way import is_small
from mdsa_server.errors import EngineRefused
from mdsa_server.inference.chat_lines import ChatChunk
from mdsa_server.inference.lease import Lease
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.vocabulary.conversation import Message

log = structlog.get_logger(__name__)

# What is less like the message than this is no candidate, and of the others so many are. Of twenty messages that need
# no tool, three have one of twelve that is like them; of sixty that need one, four have none.
LEAST_LIKENESS = 0.2
MOST_CANDIDATES = 3

NONE = "none"
DECIDE = f"Decide which tool the message needs. Answer {NONE} if it needs no tool."
DECISION_TOKENS = 40
ARGUMENT_TOKENS = 300
# What is longer is shown by its beginning and its end: which tool it needs stands in one of them.
MESSAGE_SHARE = 0.3

# Three are enough to show what to do; with none a small model talks instead. Descriptions of parameters are left out:
# it copies from them rather than from the message.
EXAMPLES = (
    ("Remind me to buy 3 eggs on Monday, please!", "what, day", '{"what":"buy 3 eggs","day":"Monday"}'),
    ("How much is 5 + 6?", "expression", '{"expression":"5 + 6"}'),
    ("Is there a train to Madrid?", "city", '{"city":"Madrid"}'),
)


class ConstrainedCaller:
    """Asks a leased model, which must be admitted."""

    def __init__(self, lease: Lease, tools: Sequence[tuple[Tool, float]], tokens_of: Estimate) -> None:
        self._lease = lease
        self._small = is_small(lease.details)
        self._candidates = [tool for tool, likeness in tools if likeness >= LEAST_LIKENESS][:MOST_CANDIDATES]
        self._tokens_of = tokens_of
        self.closing_lines: list[ChatChunk] = []
        """The engine's, of each time that it was asked."""

    @property
    def candidates(self) -> int:
        """How many tools are like the message: where none is, the model is not asked."""
        return len(self._candidates)

    async def decide(self, message: str, before: Sequence[Message], exchange: Exchange, call: str) -> list[Wanted]:
        """Give the call that a message needs; none where no tool is like it, or the model sees none that helps.

        `before` is what was said last, `call` the name that a call is given. Raises EngineError, UnknownModel.
        """
        if not self._candidates:
            return []
        most = int(self._lease.context * MESSAGE_SHARE)
        message = _ends(message, len(beginning(message, most, self._tokens_of)))
        again = next((tool for tool in self._candidates if exchange.refused(tool.name, tool.optional)), None)
        tool = again or await self._tool(message, before, exchange)
        if tool is None:
            return []
        # What a small model makes up for what it need not say is often what the tool refuses.
        schema = required_only(tool.parameters) if again else tool.parameters
        arguments = await self._arguments(message, schema, exchange.told_invalid(tool.name))
        return [Wanted(call, tool.name, arguments)] if arguments is not None else []

    async def _tool(self, message: str, before: Sequence[Message], exchange: Exchange) -> Tool | None:
        names = [tool.name for tool in self._candidates]
        listed = "\n".join(
            f"{tool.name}: {as_data(_ends(tool.description, LONGEST_TEXT), TOOLS)}" for tool in self._candidates
        )
        schema = {
            "type": "object",
            "properties": {"tool": {"type": "string", "enum": [*names, NONE]}},
            "required": ["tool"],
            "additionalProperties": False,
        }
        asked = [
            Message(role="system", content=f"{DECIDE}\nTools:\n{listed}"),
            *before,
            Message(role="user", content="\n\n".join(part for part in (message, exchange.results) if part)),
        ]
        said = await self._ask(asked, schema, DECISION_TOKENS)
        name = said.get("tool") if said else None
        return next((tool for tool in self._candidates if tool.name == name), None)

    async def _arguments(
        self, message: str, parameters: Mapping[str, Any], wrong: Sequence[str]
    ) -> dict[str, Any] | None:
        schema = within_grammar(parameters)
        if self._small:
            schema = copied_from(message, schema)
        names = sorted(schema.get("properties", {}), key=lambda name: name not in schema.get("required", ()))
        if not names:
            return {}
        asked = [
            part
            for said, named, answer in EXAMPLES
            for part in (_request(said, named), Message(role="assistant", content=answer))
        ]
        asked.append(_request("\n".join((message, *wrong)), ", ".join(names)))
        return await self._ask(asked, schema, ARGUMENT_TOKENS)

    async def _ask(self, messages: Sequence[Message], schema: Mapping[str, Any], tokens: int) -> dict[str, Any] | None:
        """Give an object that fits the schema; None where the model came to no end, or the engine takes no such one."""
        lease = self._lease
        said: list[str] = []
        try:
            chunks = lease.client.chat(
                lease.model,
                messages,
                options={**lease.options, "temperature": 0, "num_predict": tokens},
                keep_alive=lease.keep_alive,
                think=False,  # It would use up the few tokens there are.
                format=dict(schema),
            )
            async with aclosing(chunks):
                async for chunk in chunks:
                    said.append(chunk.content)
                    if chunk.done:
                        lease.answered(chunk)
                        self.closing_lines.append(chunk)
        except EngineRefused as refused:
            log.warning("a model is not held to a schema", model=lease.model, reason=refused.detail)
            return None
        return object_in("".join(said))


def _request(message: str, names: str) -> Message:
    return Message(role="user", content=f"{message}\nCopy from this message, as JSON: {names}")


def _ends(text: str, most: int) -> str:
    """Give a text, or its beginning and its end where it is longer."""
    if len(text) <= most:
        return text
    part = max(most // 2, 1)
    return f"{text[:part]} … {text[-part:]}"
