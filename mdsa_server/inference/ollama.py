"""The engine's wire: Ollama's HTTP, spoken here and nowhere else."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import Any, cast

import aiohttp
import httpx
import msgspec
import ollama
from msgspec import Struct

from mdsa_server.errors import EngineRefused
from mdsa_server.inference.addresses import authorization, bare
from mdsa_server.inference.bounded_answers import bound
from mdsa_server.inference.chat_lines import ChatChunk, ChatLines
from mdsa_server.inference.engine_faults import died, not_an_engine, reason, refusal, rest_of, unreachable
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import ModelOptions, Think
from mdsa_server.vocabulary.models import InstalledModel, ModelDetails, ResidentModel

__all__ = ["ChatChunk", "OllamaClient", "PullProgress"]

# What an engine answers from its own tables; slow only when it is stuck.
TABLE_SECONDS = 10.0
DRAIN_SECONDS = 1.0
# Before 0.32.4 Ollama stumbles over a model that goes while its table is read: an error 500 without a word.
TABLE_READS = 5
TABLE_PAUSE_SECONDS = 0.05
# How a model's description names the file of its weights.
WEIGHTS = re.compile(r"^FROM .*sha256-([0-9a-f]{64})$", re.MULTILINE)
# What the engine says of a model that does nothing but embed.
NO_CHAT = "does not support chat"
# Fed when a body ends, since its last line may lack one.
END_OF_LINE = b"\n"


class PullProgress(Struct, frozen=True, kw_only=True):
    """How far a model's download is."""

    status: str
    completed: int = 0
    """Bytes of the present layer."""
    total: int = 0


class OllamaClient:
    """Speaks with one engine. Made inside a running event loop; close it there.

    `connect_timeout` and `stall_timeout` are seconds: to be connected, and without a byte while an answer is
    awaited. An answer that has not begun waits for as long as its model answers others: an engine answers a
    few at a time, and the others wait in it unseen. Calls raise EngineUnreachable where the engine does not
    answer, EngineRefused or EngineBusy where it answers no, and UnknownModel where it does not have the model.
    """

    def __init__(self, url: str, *, connect_timeout: float = 3.0, stall_timeout: float = 300.0) -> None:
        self.url = url.rstrip("/")
        self.address = bare(self.url)  # As it may be shown: without a name and a password.
        headers = authorization(url, os.environ.get("OLLAMA_API_KEY"))
        # An engine is on this machine or at a named place: the environment's web proxies are not for it.
        self._control = ollama.AsyncClient(
            self.address,
            headers=headers,
            timeout=httpx.Timeout(stall_timeout, connect=connect_timeout),
            trust_env=False,
            event_hooks={"response": [bound]},
            # To read the certificates takes 20 ms, and over plain HTTP none is shown.
            verify=self.address.startswith("https:"),
        )
        self._stall_timeout = stall_timeout
        self._heard: dict[str, float] = {}
        """By model, when it last said something to anybody, on the loop's clock."""
        self._streams = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(sock_connect=connect_timeout),
            headers=headers,
        )

    async def version(self) -> str:
        """Ask who is there: the version by which the engine calls itself."""
        try:
            async with asyncio.timeout(TABLE_SECONDS), self._streams.get(f"{self.address}/api/version") as response:
                answer = await response.json()
        except (aiohttp.ContentTypeError, ValueError) as error:
            raise not_an_engine(self.address) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(self.address, error) from error
        if not isinstance(answer, dict) or not isinstance(answer.get("version"), str):
            raise not_an_engine(self.address)
        return cast(str, answer["version"])

    async def installed(self) -> tuple[InstalledModel, ...]:
        """List the models on the engine's disk, newest first."""
        with self._answering():
            async with asyncio.timeout(TABLE_SECONDS):
                models = (await self._control.list()).models
        return tuple(
            InstalledModel(
                name=model.model or "",
                digest=model.digest or "",
                size=model.size or 0,
                family=(model.details and model.details.family) or "",
                parameter_size=(model.details and model.details.parameter_size) or "",
                quantization=(model.details and model.details.quantization_level) or "",
            )
            for model in models
        )

    async def resident(self) -> tuple[ResidentModel, ...]:
        """List the models in the engine's memory."""
        with self._answering():
            async with asyncio.timeout(TABLE_SECONDS):
                models = (await self._resident_table()).models
        return tuple(
            ResidentModel(
                name=model.model or "",
                digest=model.digest or "",
                size=model.size or 0,
                size_vram=model.size_vram or 0,
                context_length=model.context_length,
                expires=model.expires_at,
            )
            for model in models
        )

    async def _resident_table(self) -> ollama.ProcessResponse:
        for _ in range(TABLE_READS - 1):
            try:
                return await self._control.ps()
            except ollama.ResponseError as error:
                if error.status_code != 500 or error.error:
                    raise
                await asyncio.sleep(TABLE_PAUSE_SECONDS)
        return await self._control.ps()

    async def show(self, model: str) -> ModelDetails:
        """Ask what a model can do."""
        with self._answering(model):
            async with asyncio.timeout(TABLE_SECONDS):
                answer = await self._control.show(model)
        facts = answer.modelinfo or {}
        context = facts.get(f"{facts.get('general.architecture')}.context_length")
        parameters = facts.get("general.parameter_count")
        return ModelDetails(
            name=model,
            family=(answer.details and answer.details.family) or "",
            context_length=context if isinstance(context, int) else None,
            parameters=parameters if isinstance(parameters, int) else None,
            weights=weights[1] if (weights := WEIGHTS.search(answer.modelfile or "")) else "",
            capabilities=tuple(answer.capabilities or ()),
        )

    async def load(self, model: str, *, options: ModelOptions, keep_alive: str | float) -> None:
        """Bring a model into memory; returns when it is there."""
        try:
            with self._answering(model):
                await self._control.chat(model, messages=[], options=options, keep_alive=keep_alive)
        except EngineRefused as refused:
            if NO_CHAT not in refused.detail:
                raise
            await self.embed(model, [], keep_alive=keep_alive)

    async def unload(self, model: str) -> None:
        """Take a model out of memory. A busy one goes when its last request ends: `resident` tells."""
        try:
            with self._answering(model):
                await self._control.chat(model, messages=[], keep_alive=0)
        except EngineRefused as refused:
            if NO_CHAT not in refused.detail:
                raise
            await self.embed(model, [], keep_alive=0)

    async def pull(self, model: str) -> AsyncIterator[PullProgress]:
        """Fetch a model onto the engine's disk. What the engine has fetched survives a broken pull."""
        with self._answering(model):
            stream = await self._control.pull(model, stream=True)
            async with aclosing(cast("AsyncGenerator[ollama.ProgressResponse, None]", stream)) as progress:
                async for step in progress:
                    yield PullProgress(status=step.status or "", completed=step.completed or 0, total=step.total or 0)

    async def embed(
        self, model: str, texts: Sequence[str], *, keep_alive: str | float | None = None
    ) -> list[list[float]]:
        """Embed texts: one unit vector each, in their order; no texts only bring the model into memory."""
        with self._answering(model):
            answer = await self._control.embed(model, input=list(texts), keep_alive=keep_alive)
        return [list(vector) for vector in answer.embeddings]

    async def chat(
        self,
        model: str,
        messages: Sequence[Message],
        *,
        options: ModelOptions,
        keep_alive: str | float,
        think: Think | None = None,
        tools: Sequence[dict[str, Any]] = (),
        format: str | dict[str, Any] | None = None,
        whole: bool = False,
    ) -> AsyncGenerator[ChatChunk, None]:
        """Stream an answer: a chunk for each read of the socket, the last one `done`.

        An engine cuts a prompt that is longer than the model's context without a word. With `whole` it is told not to:
        then a newer one raises PromptTooLong, while an older one cuts it all the same.

        Closing this iterator closes the socket, and so stops the engine. Besides what all calls raise,
        EngineDied: the answer broke off, could not be read, or stood still for `stall_timeout`.
        """
        asked: dict[str, Any] = {"model": model, "messages": messages, "stream": True, "keep_alive": keep_alive}
        chosen = {"options": options, "think": think, "tools": tools, "format": format}
        asked |= {name: value for name, value in chosen.items() if value or value is False}
        if whole:
            asked["truncate"] = False
        try:
            async with self._patience(model):
                response = await self._streams.post(
                    f"{self.address}/api/chat",
                    data=msgspec.json.encode(asked),
                    headers={"Content-Type": "application/json"},
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unreachable(self.address, error) from error
        try:
            self._watch(response)
            body, lines, ended = response.content, ChatLines(), False
            if response.status != 200:
                raise refusal(response.status, await rest_of(body), model)
            now = asyncio.get_running_loop().time
            while not ended:
                block = await body.readany()
                self._heard[model] = now()
                ended = not block
                chunk = lines.feed(block or END_OF_LINE)
                if chunk is not None:
                    yield chunk
                    if chunk.done:
                        # The end is read too, so that the connection can be used again.
                        with suppress(TimeoutError):
                            async with asyncio.timeout(DRAIN_SECONDS):
                                await rest_of(body)
                        return
                if lines.fault is not None:
                    raise lines.fault
        except (aiohttp.ClientError, TimeoutError) as error:
            raise died(f"The engine broke off: {reason(error)}.") from error
        finally:
            # A response that was read to its end gave its connection back already: then this does nothing.
            response.close()
        raise died("The engine ended the answer before it was complete.")

    async def close(self) -> None:
        await self._control.close()  # type: ignore[no-untyped-call]  # the package leaves it untyped
        await self._streams.close()

    @asynccontextmanager
    async def _patience(self, model: str) -> AsyncIterator[None]:
        """Raise TimeoutError inside once neither this answer has begun nor the model said anything to others."""
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        timer: asyncio.TimerHandle
        async with asyncio.timeout(None) as limit:

            def look() -> None:
                nonlocal timer
                due = max(quiet_since, self._heard.get(model, 0.0)) + self._stall_timeout
                if due > loop.time():
                    timer = loop.call_at(due, look)
                else:
                    limit.reschedule(loop.time())

            timer = loop.call_later(self._stall_timeout, look)
            try:
                yield
            finally:
                timer.cancel()

    def _watch(self, response: aiohttp.ClientResponse) -> None:
        """Have reads of an answer that has begun time out by its own silence; a whole one needs no watch any more."""
        if response.connection is not None and (protocol := response.connection.protocol) is not None:
            protocol.read_timeout = self._stall_timeout
            protocol.start_timeout()

    @contextmanager
    def _answering(self, model: str = "") -> Iterator[None]:
        """Turn what a control call may raise into this server's errors."""
        try:
            yield
        except ollama.ResponseError as error:
            raise refusal(error.status_code, error.error, model) from error
        except (OSError, httpx.TransportError) as error:
            raise unreachable(self.address, error) from error
        except (ValueError, AttributeError, TypeError) as error:
            # Not JSON, or not of the expected shape: pydantic's and json's errors are ValueErrors, and the package
            # stumbles over JSON that is no object (the others).
            raise not_an_engine(self.address) from error
