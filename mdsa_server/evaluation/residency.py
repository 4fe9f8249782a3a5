"""Residency tried on recorded turns: the server's own policy on a virtual clock, beside what others would have done.

Times are seconds. A turn's own time does not depend on what runs beside it.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from math import inf

from mdsa_server.inference.residency import Limits, Slot, Swap, Unit, Waiting, plan


@dataclass(frozen=True, kw_only=True)
class Job:
    """A turn to be served."""

    unit: Unit
    seconds: float
    """How long its model answers."""
    load_seconds: float
    """What its model takes to load."""
    size: int = 0
    arrives: float = 0.0
    """Counts only where turns come by the clock, and not as clients get round to them."""


@dataclass(frozen=True)
class Served:
    """When a job came, and when its model was its to use."""

    job: Job
    arrived: float
    admitted: float

    @property
    def ended(self) -> float:
        return self.admitted + self.job.seconds


@dataclass
class Outcome:
    """What came of all jobs."""

    served: list[Served] = field(default_factory=list)
    """In the order in which they were admitted."""
    swaps: list[tuple[float, Swap]] = field(default_factory=list)
    """Every load, with when it was begun."""
    makespan: float = 0.0
    load_seconds: float = 0.0

    @property
    def order(self) -> list[Unit]:
        return [served.job.unit for served in self.served]

    @property
    def waits(self) -> list[float]:
        return [served.admitted - served.arrived for served in self.served]


class Simulation:
    """Jobs come by the clock, or each client sends the next one when its last has ended."""

    def __init__(self, jobs: Sequence[Job], clients: int | None = None) -> None:
        self.now = 0.0
        self.outcome = Outcome()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._closed = deque(jobs if clients else ())
        for job in () if clients else jobs:
            self.after(job.arrives, partial(self.arrive, job))
        for _ in range(clients or 0):
            self.after(0.0, self._next_of_client)

    def after(self, seconds: float, happens: Callable[[], None]) -> None:
        """Have something happen later."""
        heapq.heappush(self._events, (self.now + seconds, next(self._order), happens))

    def run(self) -> Outcome:
        """Let everything happen."""
        while self._events:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
            self.react()
        return self.outcome

    def arrive(self, job: Job) -> None:
        """A job comes."""
        raise NotImplementedError

    def react(self) -> None:
        """Something has happened: decide what follows."""
        raise NotImplementedError

    def serve(self, job: Job, arrived: float, ended: Callable[[], None]) -> None:
        """Admit a job, and say when it has ended."""
        self.outcome.served.append(Served(job, arrived, self.now))

        def end() -> None:
            self.outcome.makespan = self.now
            ended()
            self._next_of_client()

        self.after(job.seconds, end)

    def load(self, job: Job, swap: Swap, loaded: Callable[[], None]) -> None:
        """Begin a load, and say when it is over."""
        self.outcome.swaps.append((self.now, swap))
        self.outcome.load_seconds += job.load_seconds
        self.after(job.load_seconds, loaded)

    def _next_of_client(self) -> None:
        if self._closed:
            self.arrive(self._closed.popleft())


class Kept(Simulation):
    """As the model keeper does it."""

    def __init__(
        self, jobs: Sequence[Job], limits: Limits, clients: int | None = None, pinned: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(jobs, clients)
        self._limits = limits
        self._pinned = pinned
        self._line: dict[int, tuple[Waiting, Job]] = {}
        self._slots: dict[Unit, Slot] = {}
        self._tickets = count()
        self._wakes_at: float | None = None

    def arrive(self, job: Job) -> None:
        waiting = Waiting(
            ticket=next(self._tickets), unit=job.unit, since=self.now, load_seconds=job.load_seconds, size=job.size
        )
        self._line[waiting.ticket] = (waiting, job)

    def react(self) -> None:
        todo = plan([waiting for waiting, _ in self._line.values()], [*self._slots.values()], self._limits, self.now)
        for ticket in todo.admit:
            waiting, job = self._line.pop(ticket)
            self._use(job.unit, +1)
            self.serve(job, waiting.since, partial(self._use, job.unit, -1))
        if todo.swap is not None:
            self._swap(todo.swap)
        elif todo.wake_at not in (None, self._wakes_at):
            self._wakes_at = todo.wake_at
            self.after(todo.wake_at - self.now, lambda: None)

    def _use(self, unit: Unit, change: int) -> None:
        self._slots[unit] = self._slots[unit].used(self.now, self._slots[unit].in_use + change)

    def _swap(self, swap: Swap) -> None:
        for unit in swap.unload:
            del self._slots[unit]
        job = next(job for waiting, job in self._line.values() if waiting.unit == swap.load)
        slot = Slot(
            unit=swap.load,
            phase="loading",
            load_seconds=job.load_seconds,
            size=job.size,
            pinned=swap.load.weights in self._pinned,
        )
        self._slots[swap.load] = slot

        def loaded() -> None:
            self._slots[swap.load] = replace(slot, phase="ready", last_used=self.now)

        self.load(job, swap, loaded)


class FirstCome(Simulation):
    """As Ollama does it by itself (server/sched.go).

    One line that all requests pass through. The first whose model is not there holds up the others until a place is
    free, and while a model loads the first that needs another load. Idle runners go first, of equals the first by name.
    """

    def __init__(self, jobs: Sequence[Job], places: int, clients: int | None = None) -> None:
        super().__init__(jobs, clients)
        self._places = places
        self._line: deque[tuple[float, Job]] = deque()
        self._in_use: dict[Unit, int] = {}
        self._leaving: Unit | None = None
        self._gone: tuple[Unit, ...] = ()
        """To make room for the first in line."""
        self._loading = False

    def arrive(self, job: Job) -> None:
        self._line.append((self.now, job))

    def react(self) -> None:
        while self._line:
            arrived, job = self._line[0]
            if job.unit in self._in_use and job.unit != self._leaving:
                self._line.popleft()
                self._admit(job, arrived)
            elif self._loading:
                return
            elif self._leaving is not None:
                if self._in_use[self._leaving]:
                    return
                del self._in_use[self._leaving]
                self._gone, self._leaving = (*self._gone, self._leaving), None
            elif (victim := self._victim(job.unit)) is not None:
                self._leaving = victim
            else:
                self._line.popleft()
                self._loading = True
                self.load(job, Swap(job.unit, self._gone), partial(self._loaded, job, arrived))
                self._gone = ()

    def _victim(self, unit: Unit) -> Unit | None:
        """Give what has to go for a unit, if anything: the same weights with other options are in its way."""
        same = next((other for other in self._in_use if other.weights == unit.weights), None)
        if same is not None or len(self._in_use) < self._places:
            return same
        return min(self._in_use, key=lambda other: (self._in_use[other] > 0, other.weights))

    def _loaded(self, job: Job, arrived: float) -> None:
        self._loading = False
        self._in_use[job.unit] = 0
        self._admit(job, arrived)

    def _admit(self, job: Job, arrived: float) -> None:
        self._in_use[job.unit] += 1
        self.serve(job, arrived, partial(self._end, job.unit))

    def _end(self, unit: Unit) -> None:
        self._in_use[unit] -= 1


def optimum(order: Sequence[Unit], places: int, pinned: frozenset[str] = frozenset()) -> int:
    """Give the fewest loads with which turns can be served in this order, had one known it (Belady 1966, MIN).

    Weights are in memory once: other options replace them in place, so they are kept in vain where those come next.
    """
    next_use = [inf] * len(order)
    seen: dict[str, int] = {}
    for at in range(len(order) - 1, -1, -1):
        later = seen.get(order[at].weights)
        if later is not None and order[later] == order[at]:
            next_use[at] = later
        seen[order[at].weights] = at
    resident: dict[str, int] = {}
    """Weights, with where in the order they were used last."""
    loads = 0
    for at, unit in enumerate(order):
        held = resident.pop(unit.weights, None)
        if held is None and len(resident) >= places:
            removable = [weights for weights in resident if weights not in pinned]
            del resident[max(removable or resident, key=lambda weights: next_use[resident[weights]])]
        loads += held is None or order[held] != unit
        resident[unit.weights] = at
    return loads


def longest_extra_wait(outcome: Outcome) -> float:
    """Give the longest that a turn waited for the sake of others, in seconds.

    Counted is the time from its arrival until what it went on waiting for was under way: a load, or all turns on one
    of the models that may go; those that came before it count as under way. Added is the time for which idle models
    were kept from it. What remains of its wait no later turn has made longer.
    """
    may_go = {unit for _, swap in outcome.swaps for unit in swap.unload}
    turns = [(one.arrived, one.admitted, one.ended) for one in outcome.served if one.job.unit in may_go]
    loads: list[tuple[float, float, float]] = []
    longest = 0.0
    for begun, swap in outcome.swaps:
        waiting = [one for one in outcome.served if one.job.unit == swap.load and one.arrived <= begun <= one.admitted]
        arrived = min((one.arrived for one in waiting), default=begun)
        leaving = [one.ended for one in outcome.served if one.job.unit in swap.unload and one.admitted <= begun]
        until = min(begun, max([arrived, *leaving, *(ended for *_, ended in loads)]))
        under_way = [
            began - arrived if came > arrived else 0.0
            for came, began, ended in (*turns, *loads)
            if began <= until <= ended
        ]
        longest = max(longest, begun - until + min(under_way, default=0.0))
        loads.append((arrived, begun, min((one.admitted for one in waiting), default=begun)))
    return longest
