"""An engine that says what it is told to, in Ollama's shapes: for tests, and as a process for benchmarks."""

import argparse
import asyncio
import hashlib
import json
import math
import time
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from mdsa_server.embedded_ollama.application import application, serve
from mdsa_server.embedded_ollama.durations import nanoseconds
from mdsa_server.embedded_ollama.prompt import TOO_LONG
from mdsa_server.embedded_ollama.request_body import RequestBody, check_format, check_options, read_body
from mdsa_server.embedded_ollama.wire import (
    NDJSON,
    Body,
    Refused,
    chat_body,
    details_body,
    error_body,
    finished,
    generate_body,
    installed_body,
    line,
    reply,
    resident_body,
)
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_answer import ScriptedAnswer
from tests.fakes.scripted_memory import ScriptedMemory

# The endpoints do not agree on how to say that there is no such model.
NO_MODEL = "model '{}' not found"
NO_MODEL_TO_RUN = 'model "{}" not found, try pulling it first'
BUSY = "server busy, please try again.  maximum pending requests exceeded"
DIMENSIONS = 8


class ScriptedOllama:
    """Listens while it is entered: `async with ScriptedOllama(model) as engine: OllamaClient(engine.url)`.

    `requests` holds what was asked, in order: (path, body). `cut` counts the streams that their client
    left. `busy` has chats answered with 503, `table_stumbles` as many reads of the resident models with an empty
    500, as Ollama before 0.32.4 does while a model goes. `garbled` has what is answered instead, by path.
    `pullable` are the models that can be pulled.
    """

    def __init__(self, *models: ScriptedModel, version: str = "0.9.3", port: int = 0) -> None:
        self.models = {model.name: model for model in models or [ScriptedModel()]}
        self.pullable: dict[str, ScriptedModel] = {}
        self.memory = ScriptedMemory()
        self.version = version
        self.url = ""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.busy = False
        self.cut = 0
        self.table_stumbles = 0
        self.garbled: dict[str, bytes] = {}
        self._answers: dict[str, ScriptedAnswer] = {}
        self._port = port
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()
        self._seats: dict[str, asyncio.Semaphore] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after a `stop`, at the same address."""
        routes = [
            web.get("/api/version", self._version),
            web.get("/api/tags", self._tags),
            web.get("/api/ps", self._ps),
            web.post("/api/show", self._show),
            web.post("/api/chat", self._chat),
            web.post("/api/generate", self._generate),
            web.post("/api/embed", self._embed),
            web.post("/api/pull", self._pull),
        ]
        app = application(routes)
        app.middlewares.append(self._garble)
        self._runner, self.url = await serve(app, "127.0.0.1", self._port)
        self._port = int(self.url.rsplit(":", 1)[1])

    async def stop(self) -> None:
        """Go away: streams are cut, new connections refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at when a request comes and when a stream ends."""
        async with self._changed:
            await self._changed.wait_for(condition)

    def asked(self, path: str) -> list[dict[str, Any]]:
        """The bodies of the requests to `path`, in order."""
        return [body for where, body in self.requests if where == path]

    @web.middleware
    async def _garble(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if (garbage := self.garbled.get(request.path)) is not None:
            return web.Response(body=garbage, content_type="application/json")
        return await handler(request)

    async def _version(self, _: web.Request) -> web.Response:
        return reply({"version": self.version})

    async def _tags(self, _: web.Request) -> web.Response:
        rows = [
            installed_body(name, digest=_digest(name), size=model.size, details=_details(model), modified=time.time())
            for name, model in self.models.items()
        ]
        return reply({"models": rows})

    async def _ps(self, _: web.Request) -> web.Response:
        if self.table_stumbles:
            self.table_stumbles -= 1
            return web.Response(status=500)
        rows = [
            resident_body(
                name,
                digest=_digest(name),
                size=self.models[name].size,
                details=_details(self.models[name]),
                expires=loaded.expires,
                context_length=loaded.context,
            )
            for name, loaded in self.memory.now().items()
        ]
        return reply({"models": rows})

    async def _show(self, request: web.Request) -> web.Response:
        model = self._model(await self._read(request), NO_MODEL)
        if model.hides is not None:
            raise model.hides
        facts = {"general.architecture": model.family, f"{model.family}.context_length": model.context_length}
        facts |= {"general.basename": model.name, "general.parameter_count": model.parameters}
        facts |= {"llama.embedding_length": 8}
        shown = {
            "parameters": "",
            "template": "{{ .Prompt }}",
            "details": _details(model),
            "model_info": facts,
            "capabilities": model.capabilities,
        }
        return reply(shown)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await self._read(request)
        model = self._model(asked, NO_MODEL_TO_RUN)
        self._refuse(asked, model)
        if not asked.messages:
            return reply(finished(chat_body(asked.model), await self._load_or_unload(asked, model)))
        return await self._answered(request, asked, model)

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        asked = await self._read(request)
        model = self._model(asked, NO_MODEL)
        if not asked.prompt:
            return reply(finished(generate_body(asked.model), await self._load_or_unload(asked, model)))
        return await self._answered(request, asked, model)

    async def _answered(self, request: web.Request, asked: RequestBody, model: ScriptedModel) -> web.StreamResponse:
        try:
            async with self.memory.use(model, asked) as load_seconds:
                self._refuse_to_cut(asked, model)
                answer = self._answers.setdefault(model.name, ScriptedAnswer(model))
                async with self._seats.setdefault(model.name, asyncio.Semaphore(model.parallel)):
                    if not asked.stream:
                        return answer.whole(asked, load_seconds)
                    return await answer.stream(request, asked, load_seconds)
        except (asyncio.CancelledError, ConnectionError):
            self.cut += 1
            raise
        finally:
            await self._tell()

    async def _embed(self, request: web.Request) -> web.Response:
        asked = await self._read(request)
        model = self._model(asked, NO_MODEL_TO_RUN)
        async with self.memory.use(model, asked) as load_seconds:
            vectors = [_vector(text) for text in asked.input]
        cost = {"total_duration": 1, "load_duration": nanoseconds(load_seconds), "prompt_eval_count": len(vectors)}
        return reply({"model": asked.model, "embeddings": vectors, **cost})

    async def _pull(self, request: web.Request) -> web.StreamResponse:
        asked = await self._read(request)
        model = self.pullable.get(asked.model)
        told: list[Body] = [{"status": "pulling manifest"}]
        if model is None:
            told.append(error_body("pull model manifest: file does not exist"))
        else:
            layer = {"status": "pulling 0123456789ab", "digest": f"sha256:{_digest(model.name)}", "total": model.size}
            told += [layer, {**layer, "completed": model.size // 2}, {**layer, "completed": model.size}]
            told.append({"status": "success"})
            self.models[model.name] = model
        return web.Response(body=b"".join(line(step) for step in told), headers={"Content-Type": NDJSON})

    async def _read(self, request: web.Request) -> RequestBody:
        asked = await read_body(request)
        self.requests.append((request.path, json.loads(await request.text())))
        await self._tell()
        return asked

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _model(self, asked: RequestBody, unknown: str) -> ScriptedModel:
        for name in (asked.model, f"{asked.model}:latest"):
            if name in self.models:
                return self.models[name]
        raise Refused(404, unknown.format(asked.model))

    def _refuse(self, asked: RequestBody, model: ScriptedModel) -> None:
        if self.busy:
            raise Refused(503, BUSY)
        if model.refuses is not None:
            raise model.refuses
        if asked.format and model.refuses_formats is not None:
            raise model.refuses_formats
        if "completion" not in model.capabilities:
            raise Refused(400, f'"{asked.model}" does not support chat')
        for wanted, capability in ((asked.tools, "tools"), (asked.think, "thinking")):
            if wanted and capability not in model.capabilities:
                raise Refused(400, f"registry.ollama.ai/library/{model.name} does not support {capability}")
        if asked.messages:
            check_options(asked.options)
            check_format(asked.format)

    def _refuse_to_cut(self, asked: RequestBody, model: ScriptedModel) -> None:
        context = self.memory.now()[model.name].context
        if model.heeds_truncate and not asked.truncate and (tokens := model.prompt_tokens(asked)) > context:
            raise Refused(400, TOO_LONG.format(tokens, context))

    async def _load_or_unload(self, asked: RequestBody, model: ScriptedModel) -> str:
        if asked.keep_alive == 0:
            self.memory.drop(model)
            return "unload"
        async with self.memory.use(model, asked):
            return "load"


def _details(model: ScriptedModel) -> Body:
    return details_body(family=model.family, parameter_size="1.0B", quantization="Q4_0")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _vector(text: str) -> list[float]:
    """A unit vector that depends on the text alone."""
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]
    length = math.hypot(*raw)
    return [value / length for value in raw]


async def main() -> None:
    """Serve one model until ended, as a benchmark's engine."""
    options = argparse.ArgumentParser(prog="python -m tests.fakes.scripted_ollama", description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--tokens", type=int, default=200, help="tokens in each answer")
    options.add_argument("--token-ms", type=float, default=0.0, help="milliseconds between tokens; 0 is flat out")
    options.add_argument("--load-ms", type=float, default=0.0, help="milliseconds to load the model")
    chosen = options.parse_args()
    model = ScriptedModel(
        says=[f" word{number % 100}" for number in range(chosen.tokens)],
        token_seconds=chosen.token_ms / 1000,
        load_seconds=chosen.load_ms / 1000,
    )
    async with ScriptedOllama(model, port=chosen.port) as engine:
        print(json.dumps({"url": engine.url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
