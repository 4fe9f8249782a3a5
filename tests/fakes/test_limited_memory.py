"""A memory with few places lets requests through as Ollama does, so that what is measured on it means something."""

import asyncio
from contextlib import suppress

import pytest

from mdsa_server.embedded_ollama.request_body import RequestBody
from tests.fakes.limited_memory import LimitedMemory
from tests.fakes.script import ScriptedModel

MODELS = {name: ScriptedModel(name=name) for name in "abc"}


class Requests:
    """Requests for models, each of which holds its model until it is ended."""

    def __init__(self, memory: LimitedMemory) -> None:
        self.running: list[str] = []
        self._memory = memory
        self._ends: dict[str, asyncio.Event] = {}

    async def send(self, name: str, keep_alive: float = 300.0, **options: int) -> asyncio.Task[None]:
        """Send one, and let all happen that can happen without more."""
        model = name[0]
        end = self._ends[name] = asyncio.Event()

        async def request() -> None:
            asked = RequestBody(model, options=dict(options), keep_alive=keep_alive)
            async with self._memory.use(MODELS[model], asked):
                self.running.append(name)
                await end.wait()
                self.running.remove(name)

        task = asyncio.create_task(request())
        await settled()
        return task

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await settled()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def memory() -> LimitedMemory:
    return LimitedMemory(2)


@pytest.fixture
def requests(memory: LimitedMemory) -> Requests:
    return Requests(memory)


async def test_a_request_whose_model_is_not_there_holds_up_all_behind_it_until_a_place_is_free(
    requests: Requests, memory: LimitedMemory
) -> None:
    for name in ("a", "b", "c", "b2"):
        await requests.send(name)
    assert requests.running == ["a", "b"]
    await requests.end("b")
    assert requests.running == ["a"], "what goes was chosen when its place was wanted"
    await requests.end("a")
    assert (sorted(requests.running), memory.loads) == (["b2", "c"], ["a", "b", "c"])
    await requests.end("c", "b2")


async def test_what_is_idle_goes_first_then_what_is_kept_for_less_long(requests: Requests) -> None:
    await requests.send("a", keep_alive=300.0)
    await requests.send("b", keep_alive=200.0)
    await requests.end("b", "a")
    await requests.send("c")
    await requests.send("a2")
    assert requests.running == ["c", "a2"], "b was kept for less long"
    await requests.end("a2")
    await requests.send("b2")
    assert requests.running == ["c", "b2"], "a was idle"
    await requests.end("c", "b2")


async def test_other_options_take_the_place_of_the_same_model(requests: Requests, memory: LimitedMemory) -> None:
    await requests.send("a")
    await requests.send("b")
    await requests.end("a")
    await requests.send("a2", num_ctx=512)
    assert (requests.running, memory.loads) == (["b", "a2"], ["a", "b", "a"])
    await requests.end("b", "a2")


async def test_a_client_that_leaves_while_its_model_loads_holds_nobody_up(requests: Requests) -> None:
    MODELS["a"].load_seconds = 60.0
    left = await requests.send("a")
    MODELS["a"].load_seconds = 0.0
    await requests.send("b")
    assert requests.running == []
    left.cancel()
    with suppress(asyncio.CancelledError):
        await left
    await settled()
    assert requests.running == ["b"]
    await requests.end("b")
