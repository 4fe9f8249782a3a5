"""What a plugin offers must be what it is offered as, and have a name of its own; the rest is refused by name."""

from typing import Any

import pytest

from mdsa_server.plugin_api import Tool
from tests.plugin_host.offering import AnyRouter, ChangingSource, Offering, found, opened, status_of


def throw() -> int:
    """Throw a die."""
    return 4


class Unfit:
    name = "unfit"


class Unnamed:
    async def fit(self, domains: Any) -> None: ...

    async def route(self, query: Any) -> None: ...


class Sync:
    name = "sync"

    async def fit(self, domains: Any) -> None: ...

    def route(self, query: Any) -> None: ...


@pytest.mark.parametrize(
    ("offers", "hook", "reason"),
    [
        ({"routers": [Unfit()]}, "register_routers", "unfit is no router: it has no method fit"),
        ({"routers": [Unnamed()]}, "register_routers", "a Unnamed is no router: it has no name"),
        ({"routers": [AnyRouter("路由")]}, "register_routers", "the name '路由' cannot be written in a header"),
        ({"routers": [Sync()]}, "register_routers", "sync is no router: its method route is not async"),
        ({"routers": [AnyRouter]}, "register_routers", "AnyRouter is a class; offer an object of it: AnyRouter()"),
        ({"routers": [None]}, "register_routers", "nothing is no router: it has no method fit"),
        ({"routers": [AnyRouter("caller")]}, "register_routers", "the name 'caller' means something else in a route"),
        ({"retrievers": [Unfit()]}, "register_retrievers", "unfit is no retriever: it has no method retrieve"),
        ({"tools": [throw]}, "register_tools", "throw is a function; offer Tool(throw)"),
        ({"tools": ["throw"]}, "register_tools", "a str is no tool: it has no method tools"),
    ],
)
async def test_what_does_not_fit_is_refused_and_the_rest_of_its_plugin_used(
    offers: dict[str, list[Any]], hook: str, reason: str
) -> None:
    plugin = Offering(**offers)
    plugin.routers = [*plugin.routers, AnyRouter()]
    async with opened(found("odd", plugin)) as registry:
        status = status_of(registry, "odd")
    (fault,) = status.faults
    assert fault.hook == hook
    assert fault.reason.startswith(reason)
    assert (status.state, [offer.name for offer in status.offers]) == ("active", ["any_router"])


async def test_of_two_routers_with_one_name_the_later_plugins_is_refused() -> None:
    plugins = found("one", Offering(routers=[AnyRouter()])), found("other", Offering(routers=[AnyRouter()]))
    async with opened(*plugins) as registry:
        assert len(registry.routers) == 1
        assert status_of(registry, "one").faults == ()
        (fault,) = status_of(registry, "other").faults
    assert fault.reason == "the router 'any_router' is offered by one already"


async def test_of_two_tools_with_one_name_the_later_plugins_is_refused_and_that_is_said_once() -> None:
    plugins = found("one", Offering(tools=[Tool(throw)])), found("other", Offering(tools=[Tool(throw)]))
    async with opened(*plugins) as registry:
        for _ in range(3):
            assert len(await registry.tools()) == 1
        (fault,) = status_of(registry, "other").faults
        assert fault.reason == "the tool 'throw' is offered by one already"
        assert status_of(registry, "other").offers == ()


async def test_refusals_do_not_add_up_to_quarantine() -> None:
    source = ChangingSource([Tool(throw), Tool(throw, name="again")])
    plugins = found("one", Offering(tools=[Tool(throw)])), found("other", Offering(tools=[source, Unfit(), Unnamed()]))
    async with opened(*plugins, max_faults=1) as registry:
        assert [tool.name for tool in await registry.tools()] == ["throw", "again"]
        assert status_of(registry, "other").state == "active"


async def test_one_object_may_be_offered_as_two_things() -> None:
    class Both(AnyRouter):
        async def retrieve(self, query: Any) -> list[Any]:
            return []

    both = Both()
    async with opened(found("both", Offering(routers=[both], retrievers=[both]))) as registry:
        (retriever,) = registry.retrievers
        assert list(await registry.call(retriever, lambda: retriever.retrieve(None))) == []  # type: ignore[arg-type]  # it looks at none


class Withholding:
    """A source that offers nothing now, and says why, as the test says."""

    def __init__(self, withheld: Any) -> None:
        self.withheld = withheld

    async def tools(self) -> list[Tool]:
        return []


async def test_what_is_withheld_is_told_of_all_plugins_together() -> None:
    one = found("one", Offering(tools=[Withholding({"oven.*": "it is cold"}), Tool(throw)]))
    other = found("other", Offering(tools=[Withholding({"lamp": "it is dark"})]))
    async with opened(one, other) as registry:
        assert registry.withheld() == {"oven.*": "it is cold", "lamp": "it is dark"}


@pytest.mark.parametrize("withheld", [None, {"oven": 3}, ["oven"]])
async def test_reasons_that_are_none_are_refused_and_the_plugin_goes_on(withheld: Any) -> None:
    async with opened(found("odd", Offering(tools=[Withholding(withheld), Tool(throw)]))) as registry:
        assert registry.withheld() == {}
        assert [tool.name for tool in await registry.tools()] == ["throw"]
        (fault,) = status_of(registry, "odd").faults
        assert fault.hook == "withheld"
