"""Residency tried on recorded turns: the server's own policy on a virtual clock, beside what others would have done.

Times are seconds. A turn's own time does not depend on what runs beside it.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

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
        elif todo.wake_at is not None:
            self.after(max(todo.wake_at - self.now, 0.0), lambda: None)

    def _use(self, unit: Unit, change: int) -> None:
        slot = self._slots[unit]
        self._slots[unit] = replace(
            slot, in_use=slot.in_use + change, last_used=self.now, uses=slot.uses + (change > 0)
        )

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
                self._leaving = None
            elif len(self._in_use) >= self._places:
                self._leaving = min(self._in_use, key=lambda unit: (self._in_use[unit] > 0, unit.weights))
            else:
                self._line.popleft()
                self._loading = True
                self.load(job, Swap(job.unit), partial(self._loaded, job, arrived))

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
    """Give the fewest loads with which turns can be served in this order, had one known it (Belady 1966, MIN)."""
    next_use: list[float] = [0.0] * len(order)
    seen: dict[Unit, int] = {}
    for at in range(len(order) - 1, -1, -1):
        next_use[at] = seen.get(order[at], float("inf"))
        seen[order[at]] = at
    resident: dict[Unit, float] = {}
    loads = 0
    for at, unit in enumerate(order):
        if unit not in resident:
            loads += 1
            if len(resident) >= places:
                removable = [other for other in resident if other.weights not in pinned]
                del resident[max(removable or resident, key=lambda other: resident[other])]
        resident[unit] = next_use[at]
    return loads


def longest_extra_wait(outcome: Outcome) -> float:
    """Give the longest that a turn waited only because later ones went first.

    Counted is the time from a turn's arrival to when a turn that came after it was last admitted to a model that had
    to go for it: from then on it waits for turns to end and models to load, which any order would have.
    """
    longest = 0.0
    for begun, swap in outcome.swaps:
        waiting = [
            served.arrived
            for served in outcome.served
            if served.job.unit == swap.load and served.arrived <= begun <= served.admitted
        ]
        oldest = min(waiting, default=begun)
        passed = [
            served.admitted - oldest
            for served in outcome.served
            if served.job.unit in swap.unload and oldest < served.arrived and served.admitted <= begun
        ]
        longest = max(longest, *passed) if passed else longest
    return longest
