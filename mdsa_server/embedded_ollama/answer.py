"""Generate: from an understood request to pieces of text, and what they cost."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from mdsa_server.embedded_ollama.model import PARAMETERS
from mdsa_server.embedded_ollama.prompt import BEGIN, Prompt, fitted
from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.embedded_ollama.residency import Use
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
        """Give a chat's message in pieces of `content`. Raises Refused."""
        runner = self.use.runner
        prompt = await fitted(self.asked.messages, runner.context, runner.tokenize, truncate=self.asked.truncate)
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


def sampling(options: Mapping[str, Any]) -> dict[str, Any]:
    """llama.cpp's settings for a request's options; what is not said is as the model's parameters say."""
    chosen = {**PARAMETERS, **{name: value for name, value in options.items() if value is not None}}
    settings = {name: chosen[name] for name in SAMPLING if name in chosen}
    settings["n_predict"] = int(chosen["num_predict"]) if chosen["num_predict"] > 0 else -1
    settings["stop"] = [*chosen.get("stop", []), BEGIN]
    return settings
