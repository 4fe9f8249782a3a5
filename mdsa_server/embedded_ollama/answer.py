"""Generate: from an understood request to pieces of text, a tool call, and what they cost."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from mdsa_server.embedded_ollama.model import PARAMETERS
from mdsa_server.embedded_ollama.prompt import BEGIN, Prompt, fitted
from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.embedded_ollama.residency import Use
from mdsa_server.embedded_ollama.tool_use import (
    ARGUMENT_TOKENS,
    arguments_prompt,
    chosen_tool,
    closed,
    told_results,
)
from mdsa_server.embedded_ollama.wire import Body, usage_body

# Options that llama.cpp takes by the same name; `num_predict` is its `n_predict`.
SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "seed",
    "repeat_penalty",
    "repeat_last_n",
    "presence_penalty",
    "frequency_penalty",
)
MILLISECOND = 1e-3


@dataclass
class Cost:
    """What an answer took, added up over the generations it needed; seconds."""

    load_seconds: float
    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    answer_tokens: int = 0
    answer_seconds: float = 0.0
    reason: str = "stop"

    def add(self, event: Mapping[str, Any]) -> None:
        """Take the figures from the last event of a generation."""
        timings = event.get("timings", {})
        self.prompt_tokens += int(event.get("tokens_evaluated", 0))
        self.answer_tokens += int(event.get("tokens_predicted", 0))
        self.prompt_seconds += timings.get("prompt_ms", 0.0) * MILLISECOND
        self.answer_seconds += timings.get("predicted_ms", 0.0) * MILLISECOND
        self.reason = "length" if event.get("stop_type") == "limit" else "stop"

    def wire(self, total: float) -> Body:
        return usage_body(
            total=total,
            load=self.load_seconds,
            prompt_tokens=self.prompt_tokens,
            prompt_seconds=self.prompt_seconds,
            answer_tokens=self.answer_tokens,
            answer_seconds=self.answer_seconds,
        )


@dataclass
class Answer:
    """One answer; `cost` is complete when its pieces have run out."""

    asked: RequestBody
    use: Use
    cost: Cost = field(init=False)

    def __post_init__(self) -> None:
        self.cost = Cost(self.use.load_seconds)

    async def message(self) -> AsyncGenerator[Body, None]:
        """Give what a chat's message is made of, piece by piece: `content`, or `tool_calls`. Raises Refused."""
        tool = chosen_tool(self.asked.messages, self.asked.tools)
        if tool is not None:
            yield {"content": "", "tool_calls": [{"function": await self._call(tool)}]}
            return
        if (told := told_results(self.asked.messages)) is not None:
            yield {"content": told}
            return
        prompt = await fitted(self.asked.messages, self.use.runner.context, self.use.runner.tokenize)
        async with aclosing(self.continuation(prompt)) as pieces:
            async for piece in pieces:
                yield piece

    async def continuation(self, prompt: Prompt) -> AsyncGenerator[Body, None]:
        """Give what follows a prompt, as pieces of `content`. Raises Refused."""
        settings = sampling(self.asked.options)
        if self.asked.format:
            settings["json_schema"] = {"type": "object"} if self.asked.format == "json" else self.asked.format
        async with aclosing(self.use.runner.complete(prompt, settings)) as events:
            async for event in events:
                if event.get("stop"):
                    self.cost.add(event)
                if event.get("content"):
                    yield {"content": event["content"]}

    async def _call(self, tool: Mapping[str, Any]) -> Body:
        message = str(self.asked.messages[-1].get("content"))
        schema = closed(tool.get("parameters") or {}) | {"x-guidance": {"whitespace_flexible": False}}
        settings = {"temperature": 0, "n_predict": ARGUMENT_TOKENS, "json_schema": schema}
        written = ""
        async with aclosing(self.use.runner.complete(arguments_prompt(message, tool), settings)) as events:
            async for event in events:
                written += event.get("content", "")
                if event.get("stop"):
                    self.cost.add(event)
        return {"name": tool.get("name"), "arguments": _object(written)}


def sampling(options: Mapping[str, Any]) -> dict[str, Any]:
    """llama.cpp's settings for a request's options; what is not said is as the model's parameters say."""
    chosen = {**PARAMETERS, **{name: value for name, value in options.items() if value is not None}}
    settings = {name: chosen[name] for name in SAMPLING if name in chosen}
    settings["n_predict"] = int(chosen["num_predict"]) if chosen["num_predict"] > 0 else -1
    settings["stop"] = [*chosen.get("stop", []), BEGIN]
    return settings


def _object(written: str) -> dict[str, Any]:
    """Read arguments; a model that ran out of room in the middle of them has given none."""
    try:
        arguments = json.loads(written)
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}
