"""Ask a model once and give its whole answer: what plugins ask with. Bounded in time, and under the keeper's rules."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from mdsa_server.errors import ModelTimeout, PluginFault
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions
from mdsa_server.vocabulary.model_options import runner_options


class ModelAsker:
    """Called as `plugin_api.AskModel` describes. `usual_options` gives those with which domains have a model loaded."""

    def __init__(self, keeper: ModelKeeper, usual_options: Callable[[str], ModelOptions]) -> None:
        self._keeper = keeper
        self._usual_options = usual_options

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        schema: Mapping[str, Any] | None = None,
        options: ModelOptions | None = None,
        max_tokens: int = 256,
        timeout: float = 10.0,  # noqa: ASYNC109  # the caller's limit, and the error that tells of it, are the point
    ) -> str:
        """Take a lease, ask, and give it back, however this ends.

        Raises ModelTimeout, UnknownModel, LineFull, NoRoom, EngineError, and PluginFault for what cannot be asked.
        """
        _check(messages, max_tokens, timeout)
        sampling: ModelOptions = {"num_predict": max_tokens}
        if schema is not None:
            sampling["temperature"] = 0
        try:
            async with asyncio.timeout(timeout) as limit:
                return await self._ask(messages, model, schema, sampling | (options or {}))
        except TimeoutError as error:
            if not limit.expired():
                raise
            asked = repr(model) if model else "the default model"
            raise ModelTimeout(
                f"{asked} gave no answer within {timeout:g} s",
                "It may have had to wait or to be loaded: mdsa models tells. Give it more time, or preload it.",
            ) from error

    async def _ask(
        self, messages: Sequence[Message], model: str | None, schema: Mapping[str, Any] | None, options: ModelOptions
    ) -> str:
        name = model or await self._keeper.engine.default_model()
        # As it is loaded already, or as domains would load it: a question must not make the engine load it anew.
        loaded = self._keeper.options_in_memory(name)
        runner = runner_options(self._usual_options(name) if loaded is None else loaded)
        async with self._keeper.lease([name], runner | options) as lease:
            async for _ in lease.admission(time.monotonic):
                pass
            # Thinking would use up the few tokens that are asked for.
            chunks = lease.client.chat(
                lease.model,
                messages,
                options=lease.options,
                keep_alive=lease.keep_alive,
                think=False,
                format=None if schema is None else dict(schema),
            )
            said: list[str] = []
            async with aclosing(chunks):
                async for chunk in chunks:
                    said.append(chunk.content)
                    if chunk.done:
                        lease.answered(chunk)
        return "".join(said)


def _check(messages: Sequence[Message], max_tokens: int, seconds: float) -> None:
    """Refuse what an engine takes for something else: no messages for a load, no tokens for as many as it likes."""
    if not messages:
        raise PluginFault("it asked a model without a message")
    if max_tokens < 1:
        raise PluginFault(f"it asked a model for {max_tokens} tokens; ask for 1 or more")
    if not 0 < seconds < math.inf:
        raise PluginFault(f"it gave a model {seconds:g} s to answer; give it a number above 0")
