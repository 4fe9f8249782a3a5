"""One plugin in the registry: its state, its faults, and the words in which they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import islice
from typing import TypeVar

import structlog
from msgspec.structs import replace

from mdsa_server.errors import MdsaError, PluginFault, PluginNotLoaded, UnknownPlugin
from mdsa_server.plugin_host.discovery import FoundPlugin
from mdsa_server.plugin_host.plugin_code import place_in, traceback_of
from mdsa_server.vocabulary.plugins import Offer, PluginFaultRecord, PluginSetting, PluginState, PluginStatus

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Far more than anyone offers; what is longer has an endless loop behind it, and would fill the memory.
MOST_AT_ONCE = 10_000
# A plugin that fails now and then, between calls that go well, does so for as long as the server runs.
MOST_FAULTS_KEPT = 50
# A traceback takes kilobytes; the newest are those that somebody looks at.
MOST_TRACEBACKS_KEPT = 10
DISABLED = "disabled until the server starts again"


class HookFailed(Exception):
    """A hook of a plugin went wrong. Stays in this room: the plugin's member takes it down."""

    def __init__(self, hook: str, reason: str) -> None:
        super().__init__(f"{hook}: {reason}")
        self.hook = hook
        self.reason = reason


@contextmanager
def blamed_on(hook: str) -> Iterator[None]:
    """Turn whatever is raised inside into HookFailed; a plugin that tries to exit fails like any other."""
    try:
        yield
    except HookFailed:
        raise
    except BaseException as error:
        if blameless(error):
            raise
        raise HookFailed(hook, in_words(error)) from error


def blameless(error: BaseException) -> bool:
    """Say whether what came out of a plugin's code is none of its doing: the server ends, or the task is cancelled.

    All else is its own, and not only the kinds that derive from Exception: what is written in Rust panics with
    another, and who waits for a task that was cancelled raises CancelledError without being cancelled.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def listed(given: Iterable[T], most: int = MOST_AT_ONCE) -> tuple[T, ...]:
    """Give all that a plugin gave. Raises PluginFault where that has no end."""
    everything = tuple(islice(given, most + 1))
    if len(everything) > most:
        raise PluginFault(f"gave more than {most} things at once", "Is there a loop without an end?")
    return everything


def in_words(error: BaseException) -> str:
    """Say what was raised and where: our errors in their own words, others with their kind before them."""
    if isinstance(error, MdsaError) or not str(error):
        return kind_and_place(error)
    # A syntax error tells its own place; the last frame would be the import machinery's.
    where = "" if isinstance(error, SyntaxError) else place_in(error)
    return f"{type(error).__name__}: {error}{where}"


def kind_and_place(error: BaseException) -> str:
    """Say what was raised and where, without its text: what is raised in a call may hold the user's message."""
    return error.detail if isinstance(error, MdsaError) else f"{type(error).__name__}{place_in(error)}"


@dataclass(eq=False)
class Member:
    """One plugin that was found, and how it fares."""

    found: FoundPlugin
    version: str = ""
    state: PluginState = "active"
    reason: str = ""
    joined: bool = False
    """Whether it was loaded, and has handed over what it offers."""
    settings: tuple[PluginSetting, ...] = ()
    """What it was given of its `[plugins.NAME]` table, secrets hidden."""
    offers: list[Offer] = field(default_factory=list)
    """Its routers and retrievers."""
    tools: tuple[str, ...] = ()
    """The tools it offered when it was last asked."""
    faults: list[PluginFaultRecord] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)
    """By what was called, how often it failed in a row: that speaks for quarantine."""
    _begun: int = 0
    """How many calls have begun."""
    _counted_at: dict[str, int] = field(default_factory=dict)
    """By what was called, how many calls had begun when a fault of it was last counted."""

    @property
    def name(self) -> str:
        return self.found.name

    @property
    def active(self) -> bool:
        return self.state == "active"

    def quarantine(self, hook: str, reason: str, cause: BaseException | None = None) -> None:
        """Use the plugin no more until the server starts again, or somebody enables it."""
        self.state = "quarantined"
        self.reason = f"{hook}: {reason}"
        self._take_down(hook, reason, cause)
        log.error("plugin quarantined", plugin=self.name, hook=hook, reason=reason, exc_info=cause)

    def disable(self) -> None:
        """Use the plugin no more until the server starts again, or somebody enables it: the owner's wish, no fault.

        One that was not loaded is out of use already, and keeps the reason for it.
        """
        if self.joined and self.state != "disabled":
            self.state = "disabled"
            self.reason = DISABLED
            log.info("plugin disabled", plugin=self.name)

    def enable(self) -> None:
        """Use the plugin again; its faults are forgotten as far as they are counted."""
        self.state = "active"
        self.reason = ""
        self.counted.clear()
        self._counted_at.clear()
        log.info("plugin enabled", plugin=self.name)

    def require_joined(self) -> None:
        """Raise PluginNotLoaded where there is nothing that could be used."""
        if not self.joined:
            why = self.reason or "[plugin_host] disabled names it"
            raise PluginNotLoaded(
                f"{self.name} was not loaded when the server started: {why}",
                "Mend that in mdsa.toml or in the plugin, and start the server again.",
            )

    def blocked(self, called: str, seconds: float) -> None:
        """Take down that an async call kept the whole server from going on; once is too often."""
        reason = f"held up the whole server for {seconds:.1f} s: what blocks belongs in a plain function"
        self.quarantine(called, reason)

    def fault(self, called: str, reason: str) -> PluginFault:
        """Make the error of a call that failed."""
        return PluginFault(f"plugin {self.name}, {called}: {reason}", "mdsa plugins tells more of it.")

    def refuse(self, hook: str, reason: str) -> None:
        """Leave out one thing that the plugin offers; said once, however often it is offered."""
        if any((fault.hook, fault.reason) == (hook, reason) for fault in self.faults):
            return
        self._take_down(hook, reason)
        log.warning("offer refused", plugin=self.name, hook=hook, reason=reason)

    def begin(self) -> int:
        """Give a call its number, from 1."""
        self._begun += 1
        return self._begun

    def count(self, called: str, call: int, reason: str, max_faults: int, cause: BaseException) -> None:
        """Take down a fault of a call; `max_faults` of them in a row are too many.

        What was under way when another fault was counted is none in a row with it: one cause may end them all.
        """
        self._take_down(called, reason, cause)
        log.warning("plugin failed", plugin=self.name, called=called, reason=reason)
        log.debug("plugin failed", plugin=self.name, called=called, exc_info=cause)
        if call <= self._counted_at.get(called, 0):
            return
        self._counted_at[called] = self._begun
        self.counted[called] += 1
        if self.active and self.counted[called] >= max_faults:
            self.state = "quarantined"
            self.reason = f"{called} failed {max_faults} times in a row, lastly: {reason}"
            log.error("plugin quarantined", plugin=self.name, reason=self.reason)

    def fared_well(self, called: str) -> None:
        """Take down that a call went well."""
        del self.counted[called]

    def status(self) -> PluginStatus:
        tools = [Offer("tool", name) for name in self.tools]
        return PluginStatus(
            name=self.name,
            version=self.version,
            source=self.found.source,
            location=self.found.location,
            state=self.state,
            reason=self.reason,
            until_restart=self.reason == DISABLED,
            loaded=self.joined,
            offers=(*self.offers, *tools) if self.active else (),
            faults=tuple(self.faults),
            settings=self.settings,
        )

    def _take_down(self, hook: str, reason: str, cause: BaseException | None = None) -> None:
        del self.faults[: 1 - MOST_FAULTS_KEPT]
        told = traceback_of(cause) if cause else ""
        self.faults.append(PluginFaultRecord(hook=hook, reason=reason, at=datetime.now(UTC), traceback=told))
        with_one = [place for place, fault in enumerate(self.faults) if fault.traceback]
        for place in with_one[:-MOST_TRACEBACKS_KEPT]:
            self.faults[place] = replace(self.faults[place], traceback="")


def named(members: Iterable[Member], name: str) -> Member:
    """Give the plugin of a name; of several the first, which is the one in use. Raises UnknownPlugin."""
    by_name: dict[str, Member] = {}
    for member in members:
        by_name.setdefault(member.name, member)
    if name not in by_name:
        close = get_close_matches(name, by_name, n=1)
        mend = f"Did you mean {close[0]}?" if close else "`mdsa plugins` lists those that were found."
        raise UnknownPlugin(f"no plugin is named {name[:100]!r}", mend)
    return by_name[name]
