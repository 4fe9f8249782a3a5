"""A plugin is put out of use and back while the server runs."""

import asyncio

import pytest

from mdsa_server.errors import PluginFault, PluginNotLoaded, UnknownPlugin
from mdsa_server.plugin_api import Candidate, Opinion, Tool
from mdsa_server.plugin_host.discovery import FoundPlugin
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.plugins import Offer
from tests.plugin_host.offering import (
    CODE,
    GENERAL,
    AnyRetriever,
    AnyRouter,
    ChangingSource,
    Offering,
    found,
    opened,
    route_with,
    status_of,
)

TEAM = (["any_router"], (GENERAL, CODE))


def throw() -> int:
    """Throw a die."""
    return 4


async def nothing() -> list[str]:
    return []


async def raises() -> Opinion:
    raise ValueError("what the user wrote")


def dice(router: AnyRouter) -> Offering:
    return Offering(routers=[router], retrievers=[AnyRetriever(nothing)], tools=[Tool(throw)])


async def offered(registry: PluginRegistry) -> list[str]:
    routers, retrievers = [one.name for one in registry.routers], [one.name for one in registry.retrievers]
    return [*routers, *retrievers, *(tool.name for tool in await registry.tools())]


async def test_what_a_disabled_plugin_offers_is_asked_no_more_until_it_is_enabled() -> None:
    async with opened(found("dice", dice(AnyRouter()))) as registry:
        before = await offered(registry)
        status = registry.disable("dice")
        assert (status.state, status.until_restart, status.offers) == ("disabled", True, ())
        assert await offered(registry) == []
        enabled = await registry.enable("dice", *TEAM)
        assert (enabled.state, enabled.reason) == ("active", "")
        assert Offer("tool", "throw") in enabled.offers
        assert await offered(registry) == before == ["any_router", "any_retriever", "throw"]


async def test_what_was_given_out_before_is_refused_by_name_and_counts_as_no_fault() -> None:
    async with opened(found("dice", dice(AnyRouter()))) as registry:
        (router,) = registry.routers
        registry.disable("dice")
        with pytest.raises(PluginFault, match="disabled until the server starts again"):
            await registry.call(router, raises)
        assert status_of(registry, "dice").faults == ()


async def test_a_call_that_is_under_way_goes_on_to_its_end() -> None:
    asked, answering = asyncio.Event(), asyncio.Event()

    async def slowly() -> Opinion:
        asked.set()
        await answering.wait()
        return Opinion((Candidate("code", 0.7),))

    async with opened(found("dice", dice(AnyRouter(answer=slowly)))) as registry:
        call = asyncio.create_task(route_with(registry))
        await asked.wait()
        registry.disable("dice")
        answering.set()
        assert (await call).candidates == (Candidate("code", 0.7),)
        assert status_of(registry, "dice").state == "disabled"


async def test_enabling_brings_a_plugin_back_from_quarantine_and_counts_its_faults_anew() -> None:
    router = AnyRouter(answer=raises)
    async with opened(found("dice", dice(router)), max_faults=2) as registry:
        for _ in range(2):
            with pytest.raises(PluginFault):
                await route_with(registry)
        assert status_of(registry, "dice").state == "quarantined"
        assert (await registry.enable("dice", *TEAM)).state == "active"
        with pytest.raises(PluginFault):
            await route_with(registry)
        assert status_of(registry, "dice").state == "active"
        assert len(status_of(registry, "dice").faults) == 3


async def test_a_router_learns_what_has_changed_while_it_was_out_of_use() -> None:
    router = AnyRouter()
    async with opened(found("dice", dice(router))) as registry:
        await route_with(registry)
        registry.disable("dice")
        await registry.refit(["any_router"], (GENERAL,))
        assert router.known == ["general", "code"]
        await registry.enable("dice", ["any_router"], (GENERAL,))
        assert router.known == ["general"]


async def test_one_that_still_cannot_learn_goes_back_into_quarantine() -> None:
    async def fails() -> None:
        raise ValueError("no luck")

    async with opened(found("dice", dice(AnyRouter(fitting=fails)))) as registry:
        await registry.measured(["any_router"])
        assert status_of(registry, "dice").state == "quarantined"
        status = await registry.enable("dice", *TEAM)
        assert status.state == "quarantined"
        assert "no luck" in status.reason


async def test_what_was_not_loaded_is_said_to_need_a_restart() -> None:
    def broken() -> object:
        raise RuntimeError("no luck today")

    torn = FoundPlugin(name="torn", source="package", version="1", location="the test", load=broken)
    async with opened(found("dice", dice(AnyRouter())), torn, disabled=["dice"]) as registry:
        for name, why in (("torn", "no luck today"), ("dice", "disabled")):
            with pytest.raises(PluginNotLoaded, match=why) as refused:
                await registry.enable(name, *TEAM)
            assert "start the server again" in refused.value.mend
        # Both are out of use already, and stay so for their own reasons.
        assert [registry.disable(name).until_restart for name in ("torn", "dice")] == [False, False]
        assert "no luck today" in status_of(registry, "torn").reason


async def test_a_name_that_no_plugin_has_is_told_with_one_that_comes_close() -> None:
    async with opened(found("dice", dice(AnyRouter()))) as registry:
        with pytest.raises(UnknownPlugin) as unknown:
            registry.disable("dise")
        assert unknown.value.mend == "Did you mean dice?"
        with pytest.raises(UnknownPlugin):
            await registry.enable("x" * 10_000, *TEAM)


async def test_tools_that_came_meanwhile_are_offered_once_it_is_enabled() -> None:
    source = ChangingSource([])
    async with opened(found("dice", Offering(tools=[source]))) as registry:
        registry.disable("dice")
        source.offered = [Tool(throw)]
        assert await registry.tools() == ()
        assert (await registry.enable("dice", *TEAM)).offers == (Offer("tool", "throw"),)
