"""Routers learn the domains in the background; who asks one waits until it has."""

import asyncio
from collections.abc import Sequence

import pytest

from mdsa_server.errors import EmbedderUnavailable, PluginFault
from mdsa_server.plugin_api import Domain, Prediction
from tests.plugin_host.offering import AnyRouter, Offering, found, learns, opened, route_with, status_of

MATHS = (Domain(name="maths", description="Numbers"),)


def failing(*errors: BaseException | None) -> AnyRouter:
    """A router whose fits raise these, one after the other; None for one that succeeds."""
    outcomes = iter(errors)

    async def fitting() -> None:
        if error := next(outcomes):
            raise error

    return AnyRouter(fitting=fitting)


async def test_opening_does_not_wait_for_the_fit_and_a_call_does() -> None:
    may_learn = asyncio.Event()
    router = AnyRouter(fitting=may_learn.wait)
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        asking = asyncio.create_task(route_with(registry))
        done, _ = await asyncio.wait([asking], timeout=0.01)
        assert not done
        assert router.known == []
        may_learn.set()
        await asking
    assert router.known == ["general", "code"]


async def test_waiting_for_the_fit_is_not_bounded_by_the_call_timeout() -> None:
    may_learn = asyncio.Event()
    plugin = Offering(routers=[AnyRouter(fitting=may_learn.wait)])
    async with opened(found("dice", plugin), call_timeout=0.01) as registry:
        asking = asyncio.create_task(route_with(registry))
        done, _ = await asyncio.wait([asking], timeout=0.05)
        assert not done
        may_learn.set()
        assert (await asking).candidates


async def test_a_call_waits_so_long_for_the_fit_and_no_longer_and_that_is_no_fault() -> None:
    may_learn = asyncio.Event()
    plugin = Offering(routers=[AnyRouter(fitting=may_learn.wait)])
    async with opened(found("dice", plugin), learning_timeout=0.01) as registry:
        with pytest.raises(PluginFault, match=r"still learns the domains after 0.01 s"):
            await route_with(registry)
        assert status_of(registry, "dice").faults == ()
        may_learn.set()
        await asyncio.sleep(0.01)
        assert (await route_with(registry)).candidates


async def test_a_router_that_never_ends_learning_is_quarantined() -> None:
    plugin = Offering(routers=[AnyRouter(fitting=asyncio.Event().wait)])
    async with opened(found("dice", plugin), fit_timeout=0.01) as registry:
        with pytest.raises(PluginFault, match=r"did not learn the domains within 0.01 s"):
            await route_with(registry)
        assert status_of(registry, "dice").state == "quarantined"


async def test_one_who_gives_up_waiting_does_not_end_the_fit_for_others() -> None:
    may_learn = asyncio.Event()
    router = AnyRouter(fitting=may_learn.wait)
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await route_with(registry)
        may_learn.set()
        assert (await route_with(registry)).candidates
    assert router.known == ["general", "code"]


async def test_a_router_that_will_not_be_asked_learns_nothing() -> None:
    router = AnyRouter()
    async with opened(found("dice", Offering(routers=[router])), routers=["another_router"]) as registry:
        await registry.refit(["another_router"], MATHS)
    assert router.known == []


@pytest.mark.parametrize("error", [ValueError("cannot learn"), SystemExit("cannot learn"), PluginFault("cannot learn")])
async def test_a_plugin_whose_router_cannot_learn_is_quarantined(error: BaseException) -> None:
    async with opened(found("dice", Offering(routers=[failing(error)]))) as registry:
        with pytest.raises(PluginFault, match="cannot learn"):
            await route_with(registry)
        status = status_of(registry, "dice")
        assert registry.routers == ()
    assert status.state == "quarantined"
    assert status.faults[0].hook == "fit of any_router"


async def test_without_an_embedder_a_router_sits_out_and_learns_when_there_is_one() -> None:
    router = failing(EmbedderUnavailable("no model", "Install one."), None)
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        for _ in range(2):
            with pytest.raises(EmbedderUnavailable, match="no model"):
                await route_with(registry)
        assert (status_of(registry, "dice").state, status_of(registry, "dice").faults) == ("active", ())
        await registry.refit(["any_router"], MATHS)
        assert (await route_with(registry)).candidates
    assert router.known == ["maths"]


async def test_changed_domains_are_known_when_refit_returns() -> None:
    router = AnyRouter()
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        await registry.refit(["any_router"], MATHS)
    assert router.known == ["maths"]


async def test_changed_domains_win_over_a_first_fit_that_still_runs() -> None:
    may_learn = asyncio.Event()
    waits = iter([may_learn.wait, learns])
    router = AnyRouter(fitting=lambda: next(waits)())
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        refit = asyncio.create_task(registry.refit(["any_router"], MATHS))
        await asyncio.wait([refit], timeout=0.01)
        may_learn.set()
        await refit
        await route_with(registry)
    assert router.known == ["maths"]


async def test_a_router_first_asked_for_by_changed_domains_learns_them() -> None:
    router = AnyRouter()
    async with opened(found("dice", Offering(routers=[router])), routers=[]) as registry:
        await registry.refit(["any_router"], MATHS)
        assert (await route_with(registry)).candidates
    assert router.known == ["maths"]


async def test_a_router_that_never_knew_any_domains_and_cannot_learn_changed_ones_is_quarantined() -> None:
    async with opened(found("dice", Offering(routers=[failing(ValueError("cannot learn"))])), routers=[]) as registry:
        await registry.refit(["any_router"], MATHS)
        assert status_of(registry, "dice").state == "quarantined"


async def test_a_router_answers_while_it_learns_changed_domains() -> None:
    router = AnyRouter()
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        await route_with(registry)
        may_learn = asyncio.Event()
        router.fitting = may_learn.wait
        refit = asyncio.create_task(registry.refit(["any_router"], MATHS))
        assert (await route_with(registry)).candidates
        assert not refit.done()
        may_learn.set()
        await refit


async def test_a_router_that_cannot_learn_changed_domains_keeps_what_it_knew() -> None:
    router = failing(None, ValueError("cannot learn"))
    async with opened(found("dice", Offering(routers=[router]))) as registry:
        await route_with(registry)
        await registry.refit(["any_router"], MATHS)
        assert (await route_with(registry)).candidates
        (fault,) = status_of(registry, "dice").faults
    assert router.known == ["general", "code"]
    assert fault.hook == "fit of any_router"


async def test_a_router_that_fails_to_learn_now_and_then_is_not_quarantined() -> None:
    trouble = ValueError("bad day")
    router = failing(None, trouble, None, trouble, None, trouble)
    async with opened(found("dice", Offering(routers=[router])), max_faults=2) as registry:
        await route_with(registry)
        for _ in range(5):
            await registry.refit(["any_router"], MATHS)
        assert status_of(registry, "dice").state == "active"


async def test_a_fit_that_still_runs_ends_with_the_server() -> None:
    ended = asyncio.Event()

    async def fitting() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with opened(found("dice", Offering(routers=[AnyRouter(fitting=fitting)]))):
        await asyncio.sleep(0)  # Lets the fit begin.
    assert ended.is_set()


class Measured(AnyRouter):
    """Sure of code whatever it is asked, and right about all that it was tried on."""

    predictions: tuple[Prediction, ...] = ()

    async def fit(self, domains: Sequence[Domain]) -> None:
        await super().fit(domains)
        self.predictions = tuple(Prediction(0.8, right=True, message=domain.name) for domain in domains)


async def test_a_router_that_measures_itself_is_tried_on_messages_that_belong_nowhere() -> None:
    plugin = Offering(routers=[Measured()])
    async with opened(found("dice", plugin)) as registry:
        before = await registry.measured(["any_router"])
        assert [one.message for one in before["any_router"]] == ["general", "code"]
        assert await registry.refit(["any_router"], MATHS, ["sing"]) == []
        maths, stranger = (await registry.measured(["any_router"]))["any_router"]
    assert (maths.message, maths.in_scope) == ("maths", True)
    assert stranger == Prediction(0.9, right=False, message="sing", in_scope=False)


async def test_a_router_that_does_not_measure_itself_has_no_measurements_to_give() -> None:
    async with opened(found("dice", Offering(routers=[AnyRouter()]))) as registry:
        await registry.refit(["any_router"], MATHS, ["sing"])
        assert await registry.measured(["any_router"]) == {}
