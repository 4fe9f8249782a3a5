"""A plugin joins step by step; one that fails at a step is quarantined, and the others never notice."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from mdsa_server.plugin_api import Message, PluginContext, Tool, ToolSource, hookimpl
from mdsa_server.plugin_host import joining
from mdsa_server.vocabulary.plugins import Offer
from mdsa_server.vocabulary.stopwatch import Stopwatch
from tests.plugin_host.offering import AnyRouter, Offering, found, opened, opened_from, status_of, write


class Sides(msgspec.Struct):
    sides: int = 6


def throw() -> int:
    """Throw a die."""
    return 4


@pytest.mark.parametrize(
    ("text", "hook", "reason"),
    [
        ("def broken(:", "import", "SyntaxError: "),
        ("import not_there", "import", "ModuleNotFoundError: No module named 'not_there'"),
        ("raise SystemExit(3)", "import", "SystemExit: 3"),
        ("1 / 0", "import", "ZeroDivisionError: division by zero"),
        ("class Panic(BaseException): ...\nraise Panic('overflow')", "import", "Panic: overflow"),
        ("import asyncio\nraise asyncio.CancelledError('not we')", "import", "CancelledError: not we"),
        ("", "@hookimpl", "marks no function"),
        ("@hookimpl\ndef register_tool(context): ...", "register_tool", "did you mean register_tools?"),
        ("@hookimpl\ndef teleport(): ...", "teleport", "there is no such hook; there are plugin_settings, "),
        ("@hookimpl\ndef register_tools(contxt): ...", "register_tools", "contxt"),
        ("@hookimpl\ndef register_tools(context): raise OSError('no dice')", "register_tools", "OSError: no dice"),
        ("@hookimpl\ndef register_tools(context): return 7", "register_tools", "gave a int; it gives a list"),
        ("@hookimpl\nasync def register_tools(context): return []", "register_tools", "is async"),
        (
            "@hookimpl\ndef register_tools(context):\n    while True: yield 1",
            "register_tools",
            "more than 10000 things",
        ),
        ("@hookimpl\ndef register_tools(context): yield Tool(lambda: 1)", "register_tools", "has no docstring"),
        ("@hookimpl\ndef plugin_settings(): return dict", "plugin_settings", "subclass of msgspec.Struct"),
        ("@hookimpl\nasync def plugin_lifespan(context): yield", "plugin_lifespan", "@asynccontextmanager"),
    ],
)
async def test_a_plugin_that_fails_is_quarantined_with_the_hook_and_the_reason(
    tmp_path: Path, text: str, hook: str, reason: str
) -> None:
    write(tmp_path, "broken.py", text)
    write(tmp_path, "sound.py", "@hookimpl\ndef register_tools(context): return []")
    async with opened_from(tmp_path) as registry:
        broken, sound = registry.status()
    assert (broken.state, sound.state) == ("quarantined", "active")
    (fault,) = broken.faults
    assert fault.hook == hook
    assert reason in fault.reason
    assert broken.reason == f"{hook}: {fault.reason}"


async def test_the_reason_tells_where_the_plugin_failed(tmp_path: Path) -> None:
    file = write(tmp_path, "broken.py", "\nmissing")
    async with opened_from(tmp_path) as registry:
        assert f"({file}:3)" in status_of(registry, "broken").reason


async def test_a_plugin_tells_its_version_where_its_file_does(tmp_path: Path) -> None:
    write(tmp_path, "dice.py", "__version__ = '2.1'\n@hookimpl\ndef register_tools(context): return []")
    async with opened_from(tmp_path) as registry:
        status = status_of(registry, "dice")
    assert (status.version, status.source, status.location) == ("2.1", "directory", str(tmp_path / "dice.py"))


async def test_of_two_plugins_with_one_name_the_later_is_quarantined() -> None:
    async with opened(found("dice", Offering()), found("dice", Offering())) as registry:
        first, second = registry.status()
    assert (first.state, second.state) == ("active", "quarantined")
    assert "the test: dice" in second.reason


async def test_a_disabled_plugin_is_listed_and_not_loaded(tmp_path: Path) -> None:
    write(tmp_path, "broken.py", "raise RuntimeError")
    async with opened_from(tmp_path, disabled=["broken"]) as registry:
        status = status_of(registry, "broken")
    assert (status.state, status.faults) == ("disabled", ())


async def test_what_a_plugin_offers_is_listed() -> None:
    plugin = Offering(routers=[AnyRouter()], tools=[Tool(throw)])
    async with opened(found("dice", plugin)) as registry:
        assert status_of(registry, "dice").offers == (Offer("router", "any_router"), Offer("tool", "throw"))


async def test_a_plugin_may_ask_a_model() -> None:
    plugin = Offering()
    async with opened(found("dice", plugin)):
        (context,) = plugin.contexts
        assert await context.ask_model([Message(role="user", content="how many?")]) == "asked: how many?"


async def test_each_plugin_has_a_context_of_its_own() -> None:
    one, other = Offering(), Offering()
    async with opened(found("one", one), found("other", other)):
        (first,), (second,) = one.contexts, other.contexts
    assert (first.name, second.name) == ("one", "other")
    assert [domain.name for domain in first.domains] == ["general", "code"]
    assert (await first.embed(["a", "b"], cached=True)).shape == (2, 3)
    assert first.settings is None


class Diary:
    """A plugin that writes down in what order it is called."""

    def __init__(self, name: str, entries: list[str], *, close: Exception | None = None) -> None:
        self.name, self.entries, self.close = name, entries, close

    @hookimpl
    def plugin_settings(self) -> type[Sides]:
        self.entries.append(f"{self.name} settings")
        return Sides

    @hookimpl
    def plugin_lifespan(self, context: PluginContext) -> AbstractAsyncContextManager[Any]:
        return self.living(context.settings.sides)

    @asynccontextmanager
    async def living(self, sides: int) -> AsyncIterator[None]:
        self.entries.append(f"{self.name} opened with {sides}")
        yield
        self.entries.append(f"{self.name} closed")
        if self.close:
            raise self.close

    @hookimpl
    def register_tools(self, context: PluginContext) -> Iterable[ToolSource]:
        self.entries.append(f"{self.name} registers")
        return []


async def test_a_plugin_gets_its_settings_then_opens_then_registers_and_closes_in_reverse() -> None:
    entries: list[str] = []
    plugins = found("a", Diary("a", entries)), found("b", Diary("b", entries))
    async with opened(*plugins, settings={"a": {"sides": 20}}):
        pass
    assert entries == [
        *("a settings", "a opened with 20", "a registers"),
        *("b settings", "b opened with 6", "b registers"),
        *("b closed", "a closed"),
    ]


async def test_what_a_plugin_opens_is_there_when_it_registers() -> None:
    given: list[Any] = []

    class Opening:
        @hookimpl
        @asynccontextmanager
        async def plugin_lifespan(self, context: PluginContext) -> AsyncIterator[str]:
            assert context.opened is None
            yield "the door"

        @hookimpl
        def register_tools(self, context: PluginContext) -> Iterable[ToolSource]:
            given.append(context.opened)
            return []

    async with opened(found("opening", Opening())):
        assert given == ["the door"]


async def test_a_plugin_that_fails_to_close_keeps_no_other_from_closing() -> None:
    entries: list[str] = []
    broken = Diary("b", entries, close=OSError("stuck"))
    async with opened(found("a", Diary("a", entries)), found("b", broken)):
        pass
    assert entries[-2:] == ["b closed", "a closed"]


async def test_what_ends_the_server_is_not_swallowed_by_a_plugin() -> None:
    entries: list[str] = []
    with pytest.raises(KeyError, match="the server's own"):
        async with opened(found("a", Diary("a", entries))):
            raise KeyError("the server's own")
    assert entries[-1] == "a closed"


class Unhashable:
    __hash__ = None  # type: ignore[assignment]  # as a dataclass has it

    @hookimpl
    def register_tools(self, context: PluginContext) -> Iterable[ToolSource]:
        return []


async def test_a_plugin_that_is_an_odd_object_spoils_no_other() -> None:
    async with opened(found("odd", Unhashable()), found("sound", Offering())) as registry:
        odd, sound = registry.status()
    assert (odd.state, sound.state) == ("quarantined", "active")


class Panic(BaseException):
    """As a library written in Rust raises it."""


class PanicsWhenOpened:
    @hookimpl
    @asynccontextmanager
    async def plugin_lifespan(self, context: PluginContext) -> AsyncIterator[None]:
        raise Panic("overflow")
        yield  # type: ignore[unreachable]  # what makes this a generator


async def test_a_plugin_that_panics_when_it_is_opened_is_quarantined() -> None:
    async with opened(found("rusty", PanicsWhenOpened()), found("sound", Offering())) as registry:
        assert status_of(registry, "rusty").reason.startswith("plugin_lifespan: Panic: overflow")
        assert status_of(registry, "sound").state == "active"


async def test_a_plugin_that_holds_up_the_start_is_logged_with_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]

    def watch() -> Stopwatch:
        began = passed[0]
        return lambda: passed[0] - began

    class Slow:
        @hookimpl
        def register_tools(self, context: PluginContext) -> Iterable[ToolSource]:
            passed[0] += 1.25
            yield Tool(throw)

    monkeypatch.setattr(joining, "stopwatch", watch)
    with capture_logs() as logs:
        async with opened(found("quick", Offering()), found("slow", Slow())):
            pass
    told = [(entry["plugin"], entry["hook"], entry["seconds"]) for entry in logs if "holds up" in entry["event"]]
    assert told == [("slow", "register_tools", 1.2)]


class NeverOpens:
    @hookimpl
    def plugin_lifespan(self, context: PluginContext) -> AbstractAsyncContextManager[Any]:
        return self.waiting()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield


async def test_a_plugin_that_does_not_open_in_time_is_quarantined() -> None:
    async with opened(found("slow", NeverOpens()), call_timeout=0.01) as registry:
        assert status_of(registry, "slow").reason == "plugin_lifespan: not open within 0.01 s"
