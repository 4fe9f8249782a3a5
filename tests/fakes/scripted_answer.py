"""Tell a script over a socket: streamed, token by token and at its pace, or whole."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.embedded_ollama.wire import (
    NDJSON,
    Body,
    chat_body,
    error_body,
    finished,
    generate_body,
    line,
    reply,
    usage_body,
)
from tests.fakes.script import (
    Breaks,
    Calls,
    End,
    ScriptedModel,
    Sends,
    Step,
    Thinks,
)

# Flat out, other streams get their turn after so many tokens.
TOKENS_AT_ONCE = 16


class ScriptedAnswer:
    """One model's answers; lines are made once, so that a benchmark measures its reader, not this."""

    def __init__(self, model: ScriptedModel) -> None:
        self._model = model
        self._lines: dict[tuple[str, str, bool], bytes] = {}

    async def stream(self, request: web.Request, asked: RequestBody, load_seconds: float) -> web.StreamResponse:
        """Tell it as a stream. Raises CancelledError or ConnectionError where the client leaves."""
        response = web.StreamResponse(headers={"Content-Type": NDJSON})
        await response.prepare(request)
        steps, reason = _limited(self._model.steps(asked), asked)
        pace = _Pace(self._model.token_seconds)
        for step in steps:
            match step:
                case str() | Thinks() | Calls():
                    await pace.wait()
                    await response.write(self._line(step, asked))
                case asyncio.Event():
                    await step.wait()
                case Sends(data=data):
                    await response.write(data)
                case Breaks(error=error):
                    await response.write(line(error_body(error)))
                    return response
                case End.DIES:
                    if request.transport is not None:
                        request.transport.abort()
                    return response
                case End.HANGS:
                    await asyncio.Event().wait()
                case End.STOPS_SHORT:
                    return response
        usage = _usage(self._model.prompt_tokens(asked), steps, load_seconds, pace)
        await response.write(line(finished(_body(asked, ""), reason, usage)))
        return response

    def whole(self, asked: RequestBody, load_seconds: float) -> web.Response:
        """Tell it as one body; steps that make sense only in a stream are passed over."""
        steps, reason = _limited(self._model.steps(asked), asked)
        content = "".join(step for step in steps if isinstance(step, str))
        message = {
            "content": content,
            "thinking": "".join(step.text for step in steps if isinstance(step, Thinks)),
            "tool_calls": [step.wire for step in steps if isinstance(step, Calls)],
        }
        said = {name: value for name, value in message.items() if value or name == "content"}
        usage = _usage(self._model.prompt_tokens(asked), steps, load_seconds, _Pace(0.0))
        body = chat_body(asked.model, said) if asked.messages else generate_body(asked.model, content)
        return reply(finished(body, reason, usage))

    def _line(self, step: str | Thinks | Calls, asked: RequestBody) -> bytes:
        if not isinstance(step, str):
            return line(_body(asked, step))
        key = (step, asked.model, bool(asked.messages))
        made = self._lines.get(key)
        if made is None:
            made = self._lines[key] = line(_body(asked, step))
        return made


class _Pace:
    """Holds tokens to a schedule; a late token does not make the following ones later."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._told = 0

    async def wait(self) -> None:
        self._told += 1
        if self._seconds:
            await asyncio.sleep(self._began + self._told * self._seconds - self._loop.time())
        elif self._told % TOKENS_AT_ONCE == 0:
            await asyncio.sleep(0)

    @property
    def passed(self) -> float:
        return self._loop.time() - self._began


def _body(asked: RequestBody, step: str | Thinks | Calls) -> Body:
    """The line that tells a step; a plain completion has text and nothing else."""
    match step:
        case str() if not asked.messages:
            return generate_body(asked.model, step)
        case str():
            return chat_body(asked.model, {"content": step})
        case Thinks(text=text):
            return chat_body(asked.model, {"thinking": text})
        case Calls():
            return chat_body(asked.model, {"tool_calls": [step.wire]})


def _limited(steps: Sequence[Step], asked: RequestBody) -> tuple[Sequence[Step], str]:
    """Cut an answer after `num_predict` tokens, and give the reason for which it ends."""
    limit = asked.options.get("num_predict") or -1
    tokens = [number for number, step in enumerate(steps, 1) if isinstance(step, str | Thinks)]
    return (steps[: tokens[limit - 1]], "length") if 0 < limit < len(tokens) else (steps, "stop")


def _usage(prompt_tokens: int, steps: Sequence[Step], load_seconds: float, pace: _Pace) -> Body:
    return usage_body(
        total=load_seconds + pace.passed,
        load=load_seconds,
        prompt_tokens=prompt_tokens,
        prompt_seconds=0.001,
        answer_tokens=sum(isinstance(step, str | Thinks) for step in steps),
        answer_seconds=pace.passed,
    )
