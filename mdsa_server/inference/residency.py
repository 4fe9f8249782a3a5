"""Which models are in memory, and who may use one next: decided from facts alone.

Nothing here waits, asks or remembers, so the keeper that carries a plan out and the simulator that tries
other settings on recorded turns share this one policy. Times are seconds of one clock, sizes are bytes.

What is resident goes first: turns for models in memory are admitted before a model is swapped, so that
A B C A B C runs as A A B B C C. A swap costs its load, so a turn whose model is not in memory first waits for
as long as some loads take, if other turns are about, and by then more of its kind have gathered (the
ski-rental rule). After `max_wait` it waits for them no more: the model that has to go takes
no new turns, and is swapped as soon as it is idle.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from mdsa_server.vocabulary.models import ModelPhase

Policy = Literal["lru", "cost"]
Why = Literal["running", "loading", "another loads", "gathering", "in use", "pinned"]
Prefer = Literal["best", "warm", "balanced"]

# Loads' worth of time that a turn waits before it has an idle model swapped that was in use a moment ago.
# Simulated with 3 models in 2 slots and 6 clients: none gives 0.37 of the swaps of a first-come engine in 0.54 of its
# time, 1 gives 0.34 in 0.55, 2 gives 0.24 in 0.58, 4 gives 0.19 in 0.65.
GATHER = 2.0
# However long a turn has waited, a model stays for as long as this many loads once it is idle, and for a turn that
# is alone no longer: a client that sends one turn after another is away for a moment.
GRACE = 0.1
# Timers are a little early now and then.
EARLY = 1e-3
# Uses count for half after this long.
HALF_LIFE_SECONDS = 600.0


ELSEWHERE = (("loaded elsewhere", True),)
"""The options of what somebody else loaded, who knows which: never what a turn wants."""


@dataclass(frozen=True)
class Unit:
    """What is loaded as one: weights, with the options that belong to the loaded model (`num_ctx` and others)."""

    weights: str
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A unit in memory, or on its way in or out."""

    unit: Unit
    phase: ModelPhase = "ready"
    in_use: int = 0
    """Turns that hold a lease on it."""
    last_used: float = 0.0
    """When a turn last began on it; where none runs, when the last one ended, or the load.

    That one of several turns ends does not count: a model that takes no more turns would seem the more used for it.
    """
    uses: float = 1.0
    """How often it was used of late."""
    load_seconds: float = 0.0
    size: int = 0
    pinned: bool = False

    def used(self, now: float, in_use: int) -> "Slot":
        """Give the slot as it is once so many turns hold a lease on it."""
        if 0 < in_use < self.in_use:
            return replace(self, in_use=in_use)
        uses = self.uses * 0.5 ** ((now - self.last_used) / HALF_LIFE_SECONDS)
        return replace(self, in_use=in_use, last_used=now, uses=uses + 1 if in_use > self.in_use else uses)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A turn in the line."""

    ticket: int
    unit: Unit
    since: float
    load_seconds: float = 0.0
    """What its unit is expected to take to load."""
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Limits:
    max_models: int
    max_memory: int | None = None
    """In bytes; None leaves it to the engine."""
    max_wait: float
    """Seconds that turns for other models may go before one whose model is not in memory."""
    max_running: int
    """Turns that one model answers at a time."""
    policy: Policy = "lru"


@dataclass(frozen=True)
class Swap:
    """Unload these, and when they are gone load that."""

    load: Unit
    unload: tuple[Unit, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What to do now; `wake_at` is when to plan again if nothing happens before."""

    admit: tuple[int, ...] = ()
    """Tickets, oldest first."""
    swap: Swap | None = None
    waits: Mapping[int, Why] = field(default_factory=dict)
    """The tickets that stay in the line, oldest first, each with its reason."""
    wake_at: float | None = None


def plan(line: Sequence[Waiting], slots: Sequence[Slot], limits: Limits, now: float) -> Plan:
    """Say who is admitted and what is swapped. `line` is in order of arrival."""
    admitted, left = _admit(line, slots, limits, now)
    busy = Counter(waiting.unit for waiting in admitted)
    slots = [replace(slot, in_use=slot.in_use + busy[slot.unit]) for slot in slots]
    cold = _oldest_of_each(left, {slot.unit for slot in slots if slot.phase != "leaving"})
    swap, why, wakes = _swap(cold, slots, limits, now)
    why |= {slot.unit: "running" for slot in slots if slot.phase == "ready"}
    why |= {slot.unit: "loading" for slot in slots if slot.phase == "loading"}
    if swap is not None:
        why[swap.load] = "loading"
    waits = {waiting.ticket: why.get(waiting.unit, "another loads") for waiting in left}
    return Plan(tuple(waiting.ticket for waiting in admitted), swap, waits, min(wakes, default=None))


def choose(candidates: Sequence[Waiting], slots: Iterable[Slot], prefer: Prefer, worth: float) -> Waiting:
    """Choose among a turn's acceptable units, given in order of preference.

    `best` takes the first, `warm` the first that is in memory or on its way there; `balanced` does as `warm`
    where the first would take longer than `worth` seconds to load.
    """
    first = candidates[0]
    if prefer == "best" or (prefer == "balanced" and first.load_seconds <= worth):
        return first
    warm = {slot.unit for slot in slots if slot.phase != "leaving"}
    # What others have loaded may well be loaded as it is wanted here: the engine alone knows.
    perhaps = {unit.weights for unit in warm if unit.options == ELSEWHERE}
    choice = [candidate for candidate in candidates if candidate.unit in warm]
    choice += [candidate for candidate in candidates if candidate.unit.weights in perhaps]
    return choice[0] if choice else first


def _admit(
    line: Sequence[Waiting], slots: Sequence[Slot], limits: Limits, now: float
) -> tuple[list[Waiting], list[Waiting]]:
    """Split the line into who is admitted and who is left, both in its order.

    What has to go for a turn that has waited long enough takes no turn that came after it. Those before it go first:
    else two could drive each other out for ever.
    """
    # As it will be for the next in line, once those before it have what they need.
    ahead = {slot.unit: slot for slot in slots if slot.phase != "leaving"}
    admitted: list[Waiting] = []
    left: list[Waiting] = []
    for waiting in line:
        slot = ahead.get(waiting.unit)
        if slot is not None and slot.phase == "ready" and slot.in_use < limits.max_running:
            ahead[waiting.unit] = replace(slot, in_use=slot.in_use + 1, last_used=now)
            admitted.append(waiting)
            continue
        left.append(waiting)
        if slot is not None:
            # The last to be chosen: others will be free of turns from before sooner.
            ahead[waiting.unit] = replace(slot, last_used=math.inf)
        elif _overdue(waiting, limits, now):
            victims = _victims(waiting, list(ahead.values()), limits, now)
            if victims is not None:
                for victim in victims:
                    del ahead[victim.unit]
                ahead[waiting.unit] = Slot(unit=waiting.unit, phase="loading", size=waiting.size)
    return admitted, left


def _swap(
    cold: Sequence[Waiting], slots: Sequence[Slot], limits: Limits, now: float
) -> tuple[Swap | None, dict[Unit, Why], list[float]]:
    """Choose what to swap, say why the others are not, and when that may change by itself."""
    why: dict[Unit, Why] = {}
    wakes = [waiting.since + limits.max_wait for waiting in cold if not _overdue(waiting, limits, now)]
    if any(slot.phase != "ready" for slot in slots):
        # One at a time: engines load one after the other, and memory is known again only when a load is over.
        return None, why, wakes
    # Nobody seems to be about who might use what would have to go.
    alone = len(cold) == 1 and not any(slot.in_use for slot in slots)
    taken = False
    oldest: dict[Unit, float] = {}
    """By what has to go, when it may go for the oldest that wants its place: nobody younger has it sooner."""
    for waiting in cold:
        victims = _victims(waiting, slots, limits, now)
        if victims is None:
            why[waiting.unit] = "pinned"
        elif taken or any(slot.in_use for slot in victims):
            why[waiting.unit] = "in use"
            # Nobody younger takes the place that is being made for one that has waited long enough. Where there are
            # more places it could be told which; but what is loaded then may be the first to go for the older one,
            # unused: tried, two such drove each other out without end.
            taken = taken or _overdue(waiting, limits, now)
        else:
            ripe = _ripe(waiting, victims, limits, GRACE if alone else GATHER)
            ripe = max([ripe, *(oldest[slot.unit] for slot in victims if slot.unit in oldest)])
            if now + EARLY >= ripe:
                return Swap(waiting.unit, tuple(slot.unit for slot in victims)), why, wakes
            oldest.update({slot.unit: ripe for slot in victims})
            why[waiting.unit] = "gathering"
            wakes.append(ripe)
    return None, why, wakes


def _ripe(waiting: Waiting, victims: Sequence[Slot], limits: Limits, loads: float) -> float:
    """Say from when on idle victims may go: once they, or the turn that wants their place, have waited some loads."""
    if not victims:
        return waiting.since
    used = max(slot.last_used for slot in victims)
    grace = min(used + GRACE * waiting.load_seconds, waiting.since + limits.max_wait)
    patience = min(loads * waiting.load_seconds, limits.max_wait)
    return max(patience + min(waiting.since, used), grace)


def _victims(waiting: Waiting, slots: Sequence[Slot], limits: Limits, now: float) -> list[Slot] | None:
    """Give what has to go for a unit, idle ones first, what is only coming last; None where that may not go.

    The same weights with other options always go: an engine replaces them in place.
    """
    victims = [slot for slot in slots if slot.unit.weights == waiting.unit.weights]
    staying = [slot for slot in slots if slot not in victims]
    removable = [slot for slot in staying if not slot.pinned]
    order = iter(sorted(removable, key=lambda slot: _reluctance(slot, limits, now)))
    while not _fits(waiting, staying, limits):
        victim = next(order, None)
        if victim is None:
            return None
        victims.append(victim)
        staying.remove(victim)
    return victims


def _reluctance(slot: Slot, limits: Limits, now: float) -> tuple[bool, bool, float]:
    """Rank slots, the first to go lowest: by last use, or by what loading them again costs for each idle second.

    Busy ones go by last use alone: whoever takes no more turns stays the one not used for longest, so that the choice
    stands until it is idle.
    """
    worth = slot.last_used
    if limits.policy == "cost" and not slot.in_use:
        worth = slot.uses * slot.load_seconds / (now - slot.last_used + 1.0)
    return slot.phase == "loading", slot.in_use > 0, worth


def _fits(waiting: Waiting, staying: Sequence[Slot], limits: Limits) -> bool:
    """Whether a unit fits beside others; alone any does, since nothing more could be done for it."""
    if not staying:
        return True
    if len(staying) >= limits.max_models:
        return False
    return limits.max_memory is None or waiting.size + sum(slot.size for slot in staying) <= limits.max_memory


def _overdue(waiting: Waiting, limits: Limits, now: float) -> bool:
    return now + EARLY >= waiting.since + limits.max_wait


def _oldest_of_each(line: Iterable[Waiting], present: set[Unit]) -> list[Waiting]:
    """Give the first in line of each unit that is not there."""
    oldest: dict[Unit, Waiting] = {}
    for waiting in line:
        if waiting.unit not in present:
            oldest.setdefault(waiting.unit, waiting)
    return list(oldest.values())
