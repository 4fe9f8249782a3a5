"""The endpoints: what Ollama answers to, as far as this server asks it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from aiohttp import web

from mdsa_server.embedded_ollama.answer import Answer, Cost
from mdsa_server.embedded_ollama.application import application
from mdsa_server.embedded_ollama.model import NAME, Model
from mdsa_server.embedded_ollama.prompt import rendered
from mdsa_server.embedded_ollama.request_body import RequestBody, check_format, check_options, read_body
from mdsa_server.embedded_ollama.residency import Residency
from mdsa_server.embedded_ollama.runner_process import BATCH_TOKENS
from mdsa_server.embedded_ollama.wire import (
    NDJSON,
    Body,
    Refused,
    chat_body,
    error_body,
    finished,
    generate_body,
    line,
    reply,
)

# The endpoints do not agree on how to say that there is no such model.
NO_MODEL = "model '{}' not found"
NO_MODEL_TO_RUN = 'model "{}" not found, try pulling it first'
NO_PULL = "pull model manifest: the embedded engine has one model, {}, and fetches no others; Ollama does"

Pieces = AsyncGenerator[Body, None]
Telling = Callable[[Answer], Pieces]
Wrap = Callable[[str, Body], Body]


class Api:
    """Handlers over one model and what is resident of it."""

    def __init__(self, model: Model, residency: Residency, version: str) -> None:
        self._model = model
        self._residency = residency
        self._version = version

    def application(self) -> web.Application:
        return application(
            [
                web.get("/api/version", self.version),
                web.get("/api/tags", self.tags),
                web.get("/api/ps", self.ps),
                web.post("/api/show", self.show),
                web.post("/api/chat", self.chat),
                web.post("/api/generate", self.generate),
                web.post("/api/embed", self.embed),
                web.post("/api/pull", self.pull),
            ]
        )

    async def version(self, _: web.Request) -> web.Response:
        return reply({"version": self._version})

    async def tags(self, _: web.Request) -> web.Response:
        await asyncio.to_thread(lambda: self._model.digest)
        return reply({"models": [self._model.installed()]})

    async def ps(self, _: web.Request) -> web.Response:
        resident = self._residency.resident
        if resident is None:
            return reply({"models": []})
        await asyncio.to_thread(lambda: self._model.digest)
        runner, expires = resident
        return reply({"models": [self._model.resident(runner.context, expires)]})

    async def show(self, request: web.Request) -> web.Response:
        _known(await read_body(request), NO_MODEL)
        return reply(self._model.shown())

    async def chat(self, request: web.Request) -> web.StreamResponse:
        asked = await read_body(request)
        _known(asked, NO_MODEL_TO_RUN)
        for wanted, what in ((asked.think, "thinking"), (asked.tools, "tools")):
            if wanted:
                raise Refused(400, f'"{asked.model}" does not support {what}')
        if not asked.messages:
            return reply(finished(chat_body(asked.model), await self._load_or_unload(asked)))
        return await self._answered(request, asked, Answer.message, chat_body)

    async def generate(self, request: web.Request) -> web.StreamResponse:
        asked = await read_body(request)
        _known(asked, NO_MODEL)
        if not asked.prompt:
            return reply(finished(generate_body(asked.model), await self._load_or_unload(asked)))
        said = [{"role": "system", "content": asked.system}] if asked.system else []
        prompt = asked.prompt if asked.raw else rendered([*said, {"role": "user", "content": asked.prompt}])
        return await self._answered(request, asked, lambda answer: answer.continuation(prompt), _generate_body)

    async def embed(self, request: web.Request) -> web.Response:
        asked = await read_body(request)
        _known(asked, NO_MODEL_TO_RUN)
        check_options(asked.options)
        began = time.perf_counter()
        async with self._residency.use(self._model.context(asked.options), asked.keep_alive) as use:
            texts = [await use.runner.tokenize(text or " ") for text in asked.input]
            longest = min(BATCH_TOKENS, use.runner.context)
            if not asked.truncate and any(len(tokens) > longest for tokens in texts):
                raise Refused(400, "input length exceeds maximum context length")
            vectors = await use.runner.embed([tokens[:longest] for tokens in texts]) if texts else []
        cost = Cost(use.load_seconds, prompt_tokens=sum(map(len, texts)))
        return reply({"model": asked.model, "embeddings": vectors, **cost.wire(time.perf_counter() - began)})

    async def pull(self, request: web.Request) -> web.Response:
        asked = await read_body(request)
        outcome = {"status": "success"} if asked.model == NAME else error_body(NO_PULL.format(NAME))
        return web.Response(body=line({"status": "pulling manifest"}) + line(outcome), headers={"Content-Type": NDJSON})

    async def _load_or_unload(self, asked: RequestBody) -> str:
        """Give the reason that an answer without a prompt ends with."""
        if asked.keep_alive == 0:
            self._residency.unload()
            return "unload"
        check_options(asked.options)
        async with self._residency.use(self._model.context(asked.options), asked.keep_alive):
            return "load"

    async def _answered(
        self, request: web.Request, asked: RequestBody, telling: Telling, wrap: Wrap
    ) -> web.StreamResponse:
        """Answer with what `telling` gives, each piece made a body by `wrap`; streamed or whole, as asked."""
        began = time.perf_counter()
        check_options(asked.options)
        check_format(asked.format)
        async with self._residency.use(self._model.context(asked.options), asked.keep_alive) as use:
            answer = Answer(asked, use)

            def ending() -> Body:
                return finished({}, answer.cost.reason, answer.cost.wire(time.perf_counter() - began))

            async with aclosing(telling(answer)) as pieces:
                if asked.stream:
                    return await _stream(request, asked, pieces, wrap, ending)
                message = joined([piece async for piece in pieces])
            return reply(wrap(asked.model, message) | ending())


async def _stream(
    request: web.Request, asked: RequestBody, pieces: Pieces, wrap: Wrap, ending: Callable[[], Body]
) -> web.StreamResponse:
    """Begin with the first piece: a refusal before it still has a status of its own, after it only a line."""
    response = web.StreamResponse(headers={"Content-Type": NDJSON})
    try:
        async for piece in pieces:
            if not response.prepared:
                await response.prepare(request)
            await response.write(line(wrap(asked.model, piece)))
        if not response.prepared:
            await response.prepare(request)
        await response.write(line(wrap(asked.model, {}) | ending()))
    except Refused as refused:
        if not response.prepared:
            raise
        await response.write(line(error_body(refused.text)))
    return response


def joined(pieces: list[Body]) -> Body:
    """Make one message of its pieces."""
    return {"content": "".join(piece.get("content", "") for piece in pieces)}


def _generate_body(model: str, piece: Body) -> Body:
    return generate_body(model, piece.get("content", ""))


def _known(asked: RequestBody, unknown: str) -> None:
    if asked.model != NAME:
        raise Refused(404, unknown.format(asked.model))
