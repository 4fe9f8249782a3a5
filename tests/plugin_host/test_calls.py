"""Every call of a plugin is bounded, blamed on its plugin, and counted."""

import asyncio
from itertools import repeat
from typing import Any

import pytest
from structlog.testing import capture_logs

from mdsa_server.errors import EmbedderUnavailable, PluginFault
from mdsa_server.plugin_api import Candidate, Domain, Opinion, Passage, Tool, ToolCall, ToolRefused
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugin_host.offering import (
    AnyRetriever,
    AnyRouter,
    ChangingSource,
    Offering,
    found,
    opened,
    route_with,
    status_of,
)

GENERAL = Domain(name="general", description="Anything.")


def throw() -> int:
    """Throw a die."""
    return 4


def raising(error: BaseException) -> AnyRouter:
    async def answer() -> Opinion:
        raise error

    return AnyRouter(answer=answer)


def giving(value: Any) -> AnyRouter:
    async def answer() -> Any:
        return value

    return AnyRouter(answer=answer)


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_router_is_asked_and_answers() -> None:
    async with opened(found("dice", Offering(routers=[AnyRouter()]))) as registry:
        assert (await route_with(registry)).candidates == (Candidate("code", 0.9),)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("what the user wrote"), "RuntimeError ("),
        (SystemExit("what the user wrote"), "SystemExit ("),
        (PluginFault("no luck"), "no luck"),
    ],
)
async def test_whatever_a_call_raises_names_the_plugin_what_was_called_and_where_and_repeats_no_message(
    error: BaseException, reason: str
) -> None:
    async with opened(found("dice", Offering(routers=[raising(error)]))) as registry:
        with capture_logs() as lines, pytest.raises(PluginFault, match=r"plugin dice, router any_router: ") as caught:
            await route_with(registry)
        (fault,) = status_of(registry, "dice").faults
    assert fault.hook == "router any_router"
    assert fault.reason.startswith(reason)
    shown = [line for line in lines if line["log_level"] != "debug"]
    assert [line["event"] for line in shown] == ["plugin failed"]
    assert "what the user wrote" not in f"{fault.reason} {caught.value.detail} {shown}"


async def test_a_tool_that_keeps_failing_is_quarantined_however_often_it_is_listed() -> None:
    def break_down() -> None:
        """Break down."""
        raise RuntimeError

    async with opened(found("dice", Offering(tools=[Tool(break_down)])), max_faults=2) as registry:
        for _ in range(2):
            with pytest.raises(PluginFault):
                await call_tool(registry, "break_down")
        assert status_of(registry, "dice").state == "quarantined"


async def test_calls_side_by_side_that_all_fail_count_as_one_fault_and_the_next_as_another() -> None:
    async def break_down() -> None:
        """Break down."""
        await asyncio.sleep(0)
        raise RuntimeError

    async with opened(found("dice", Offering(tools=[Tool(break_down)])), max_faults=2) as registry:
        for faults, state in ((8, "active"), (16, "quarantined")):
            calls = (call_async_tool(registry, "break_down") for _ in range(8))
            await asyncio.gather(*calls, return_exceptions=True)
            status = status_of(registry, "dice")
            assert (len(status.faults), status.state) == (faults, state)


async def test_a_plugin_that_fails_now_and_then_is_not_quarantined() -> None:
    moods = iter([True, False] * 5)

    async def answer() -> Opinion:
        if next(moods):
            raise LookupError
        return Opinion()

    async with opened(found("dice", Offering(routers=[AnyRouter(answer=answer)])), max_faults=2) as registry:
        for _ in range(5):
            with pytest.raises(PluginFault):
                await route_with(registry)
            await route_with(registry)
        assert status_of(registry, "dice").state == "active"


async def test_a_call_that_takes_too_long_is_a_fault() -> None:
    async with opened(found("dice", Offering(routers=[AnyRouter(answer=for_ever)])), call_timeout=0.01) as registry:
        with pytest.raises(PluginFault, match=r"no answer within 0\.01 s"):
            await route_with(registry)


async def test_an_error_that_is_no_fault_of_the_plugin_passes_and_is_not_counted() -> None:
    router = raising(EmbedderUnavailable("no model", "Install one."))
    async with opened(found("dice", Offering(routers=[router])), max_faults=1) as registry:
        with pytest.raises(EmbedderUnavailable, match="no model"):
            await route_with(registry)
        assert (status_of(registry, "dice").state, status_of(registry, "dice").faults) == ("active", ())


async def test_being_cancelled_is_no_fault() -> None:
    async with opened(found("dice", Offering(routers=[AnyRouter(answer=for_ever)])), max_faults=1) as registry:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await route_with(registry)
        assert status_of(registry, "dice").faults == ()


async def test_waiting_for_a_task_that_was_cancelled_is_a_fault_and_cancels_nobody() -> None:
    async def answer() -> None:
        waiting = asyncio.ensure_future(for_ever())
        waiting.cancel()
        await waiting

    async with opened(found("dice", Offering(routers=[AnyRouter(answer=answer)]))) as registry:
        with pytest.raises(PluginFault, match="plugin dice, router any_router: CancelledError"):
            await route_with(registry)
        assert len(status_of(registry, "dice").faults) == 1


async def test_too_many_faults_quarantine_a_plugin_and_all_it_offers() -> None:
    plugin = Offering(routers=[raising(ValueError("bad day"))], tools=[Tool(throw)])
    async with opened(found("dice", plugin), max_faults=2) as registry:
        (router,) = registry.routers
        for _ in range(2):
            assert registry.routers == (router,)
            with pytest.raises(PluginFault, match="ValueError"):
                await route_with(registry)
        status = status_of(registry, "dice")
        assert status.state == "quarantined"
        assert status.reason.startswith("router any_router failed 2 times in a row, lastly: ")
        assert status.offers == ()
        assert (registry.routers, await registry.tools()) == ((), ())
        with pytest.raises(PluginFault, match="in quarantine"):
            await registry.call(router, for_ever)


@pytest.mark.parametrize("passages", [None, ["some text"]])
async def test_what_a_retriever_gives_must_be_passages(passages: Any) -> None:
    async def answer() -> Any:
        return passages

    async with opened(found("books", Offering(retrievers=[AnyRetriever(answer)]))) as registry:
        (retriever,) = registry.retrievers
        with pytest.raises(PluginFault, match="plugin books, retriever any_retriever: "):
            await registry.call(retriever, lambda: retriever.retrieve(None))  # type: ignore[arg-type]  # it looks at none


async def test_a_retrievers_passages_come_through() -> None:
    async def answer() -> list[Passage]:
        return [Passage(text="It is so.", source="a book")]

    async with opened(found("books", Offering(retrievers=[AnyRetriever(answer)]))) as registry:
        (retriever,) = registry.retrievers
        (passage,) = await registry.call(retriever, lambda: retriever.retrieve(None))  # type: ignore[arg-type]
    assert passage.text == "It is so."


# --- tools


async def call_tool(registry: PluginRegistry, name: str) -> Any:
    (tool,) = [tool for tool in await registry.tools() if tool.name == name]
    bound = tool.bind({}, ToolCall(domain=GENERAL, caller="local", conversation=None))
    return await registry.call(tool, lambda: asyncio.to_thread(bound))


async def call_async_tool(registry: PluginRegistry, name: str) -> Any:
    (tool,) = [tool for tool in await registry.tools() if tool.name == name]
    return await registry.call(tool, tool.bind({}, ToolCall(domain=GENERAL, caller="local", conversation=None)))


async def test_a_tool_is_listed_and_called() -> None:
    async with opened(found("dice", Offering(tools=[Tool(throw)]))) as registry:
        assert await call_tool(registry, "throw") == 4


async def test_a_tool_of_a_source_that_changes_is_called_too_and_its_faults_have_an_owner() -> None:
    def break_down() -> None:
        """Break down."""
        raise RuntimeError("broken")

    source = ChangingSource([])
    async with opened(
        found("idle", Offering(tools=[ChangingSource([])])), found("dice", Offering(tools=[source]))
    ) as registry:
        assert await registry.tools() == ()
        source.offered = [Tool(throw), Tool(break_down)]
        assert await call_tool(registry, "throw") == 4
        assert [offer.name for offer in status_of(registry, "dice").offers] == ["throw", "break_down"]
        with pytest.raises(PluginFault, match=r"plugin dice, tool break_down: RuntimeError"):
            await call_tool(registry, "break_down")


async def test_a_tool_that_refuses_what_it_is_asked_has_no_fault() -> None:
    def divide() -> None:
        """Divide."""
        raise ToolRefused("division by zero", "Divide by something else.")

    async with opened(found("sums", Offering(tools=[Tool(divide)])), max_faults=1) as registry:
        with pytest.raises(ToolRefused, match="division by zero"):
            await call_tool(registry, "divide")
        assert status_of(registry, "sums").state == "active"


class BrokenSource:
    async def tools(self) -> list[Tool]:
        raise OSError("no connection")


class EndlessSource:
    async def tools(self) -> Any:
        return repeat(Tool(throw))


@pytest.mark.parametrize(
    ("source", "hook", "reason"),
    [
        (BrokenSource(), "tools of BrokenSource", "OSError ("),
        (EndlessSource(), "tools of EndlessSource", "gave more than 10000 things at once"),
    ],
)
async def test_a_source_that_fails_offers_nothing_and_the_others_their_tools(
    source: Any, hook: str, reason: str
) -> None:
    plugins = found("far", Offering(tools=[source])), found("dice", Offering(tools=[Tool(throw)]))
    async with opened(*plugins) as registry:
        assert [tool.name for tool in await registry.tools()] == ["throw"]
        fault = status_of(registry, "far").faults[0]
    assert fault.hook == hook
    assert fault.reason.startswith(reason)


async def test_what_the_registry_never_gave_out_is_not_called() -> None:
    async with opened() as registry:
        with pytest.raises(LookupError, match="not given out"):
            await registry.call(AnyRouter(), for_ever)
