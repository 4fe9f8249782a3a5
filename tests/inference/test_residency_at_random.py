"""The policy of residency keeps its promises in random runs, where plans are carried out as the keeper does it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from mdsa_server.inference.residency import EARLY, Limits, Plan, Slot, Swap, Unit, Waiting, plan

WEIGHTS = "abcde"
UNITS = [*map(Unit, WEIGHTS), Unit("a", (("num_ctx", 8192),)), Unit("b", (("num_ctx", 8192),))]
SIZES = {unit: 1 + number for number, unit in enumerate(UNITS)}
LOADS = {unit: 0.5 * number for number, unit in enumerate(UNITS)}

LIMITS = st.builds(
    Limits,
    max_models=st.integers(1, 3),
    max_memory=st.none() | st.integers(5, 14),
    max_wait=st.sampled_from((0.0, 2.0, 6.0)),
    max_running=st.integers(1, 3),
    policy=st.sampled_from(("lru", "cost")),
)


class Residency(RuleBasedStateMachine):
    """Turns come and end, models move, time passes. The plan is checked and carried out after each."""

    @initialize(limits=LIMITS, pins=st.sets(st.sampled_from(UNITS[: len(WEIGHTS)])))
    def begin(self, limits: Limits, pins: set[Unit]) -> None:
        self.limits = limits
        # What a unit that is still to come is pinned by, the policy cannot know: beside sizes that would matter.
        self.pins = pins if limits.max_memory is None else set()
        self.now = 100.0
        self.tickets = 0
        self.line: list[Waiting] = []
        self.slots: dict[Unit, Slot] = {}
        self.running: dict[int, tuple[Waiting, float]] = {}
        """By ticket: the turn, and when it was admitted."""
        self.left: dict[Unit, float] = {}
        """When a unit was last taken out."""
        self.plan = Plan()

    @rule(unit=st.sampled_from(UNITS))
    def a_turn_comes(self, unit: Unit) -> None:
        self.tickets += 1
        turn = Waiting(ticket=self.tickets, unit=unit, since=self.now, load_seconds=LOADS[unit], size=SIZES[unit])
        self.line.append(turn)
        self.carry_out()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_turn_ends(self, data: st.DataObject) -> None:
        self.end(data.draw(st.sampled_from(sorted(self.running))))

    @precondition(lambda self: self.moving)
    @rule()
    def a_model_is_gone_or_loaded(self) -> None:
        self.move()

    @rule(seconds=st.sampled_from((0.25, 1.0, 3.0)))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out()

    @precondition(lambda self: self.plan.wake_at is not None)
    @rule()
    def the_keeper_wakes(self) -> None:
        self.wake()

    def teardown(self) -> None:
        """Whoever can be served at all is served."""
        if not hasattr(self, "limits"):
            return
        for _ in range(20 * len(self.line)):
            if self.moving:
                self.move()
            elif self.running:
                self.end(min(self.running))
            elif self.plan.wake_at is not None:
                self.wake()
        assert self.line == [] or set(self.plan.waits.values()) == {"pinned"}
        assert all(self.pinned_out(turn) for turn in self.line)

    @property
    def moving(self) -> list[Unit]:
        """What is on its way: out first, then in."""
        return [slot.unit for slot in self.slots.values() if slot.phase != "ready"]

    @property
    def staying(self) -> list[Unit]:
        return [slot.unit for slot in self.slots.values() if slot.phase != "leaving"]

    def end(self, ticket: int) -> None:
        unit = self.running.pop(ticket)[0].unit
        self.slots[unit] = self.slots[unit].used(self.now, self.slots[unit].in_use - 1)
        self.carry_out()

    def move(self) -> None:
        unit = self.moving[0]
        if self.slots[unit].phase == "leaving":
            del self.slots[unit]
        else:
            self.slots[unit] = replace(self.slots[unit], phase="ready", last_used=self.now)
        self.carry_out()

    def wake(self) -> None:
        assert self.plan.wake_at is not None
        self.now = self.plan.wake_at
        self.carry_out()

    def carry_out(self) -> None:
        before, self.plan = self.plan_at(self.now), self.plan_at(self.now)
        assert before == self.plan
        self.check_line()
        for ticket in self.plan.admit:
            self.admit(ticket)
        if self.plan.swap is not None:
            self.check_swap(self.plan.swap)
            for unit in self.plan.swap.unload:
                self.slots[unit] = replace(self.slots[unit], phase="leaving")
                self.left[unit] = self.now
            unit = self.plan.swap.load
            self.slots[unit] = Slot(
                unit=unit, phase="loading", load_seconds=LOADS[unit], size=SIZES[unit], pinned=unit in self.pins
            )
        self.check_room()
        self.check_wait()
        self.check_rest()

    def admit(self, ticket: int) -> None:
        turn = next(turn for turn in self.line if turn.ticket == ticket)
        slot = self.slots[turn.unit]
        assert slot.phase == "ready"
        assert slot.in_use < self.limits.max_running
        self.slots[turn.unit] = slot.used(self.now, slot.in_use + 1)
        self.line.remove(turn)
        self.running[ticket] = (turn, self.now)

    def plan_at(self, now: float) -> Plan:
        return plan(tuple(self.line), tuple(self.slots.values()), self.limits, now)

    def check_line(self) -> None:
        """Each turn is admitted or waits, in order of arrival."""
        tickets = [turn.ticket for turn in self.line]
        assert list(self.plan.admit) == [ticket for ticket in tickets if ticket in self.plan.admit]
        assert list(self.plan.waits) == [ticket for ticket in tickets if ticket not in self.plan.admit]

    def check_swap(self, swap: Swap) -> None:
        """One at a time, for a turn that waits, and only for idle models that are not pinned."""
        assert not self.moving
        assert swap.load in {turn.unit for turn in self.line} - set(self.slots)
        for unit in swap.unload:
            assert self.slots[unit].in_use == 0
            assert not self.slots[unit].pinned or unit.weights == swap.load.weights

    def check_room(self) -> None:
        """Memory never holds more than it may, nor the same weights twice."""
        swapping = len(self.staying) < len(self.slots)
        now = [unit for unit, slot in self.slots.items() if not swapping or slot.phase != "loading"]
        for held in (now, self.staying):
            assert len(held) <= self.limits.max_models
            assert len(held) <= 1 or self.fits(held)
            assert len({unit.weights for unit in held}) == len(held)

    def check_wait(self) -> None:
        """For the oldest that waited long enough, all that stands in its way is turns from before, and loads."""
        for turn in self.line:
            overdue, left = turn.since + self.limits.max_wait, self.left.get(turn.unit, 0.0)
            if turn.unit in self.staying or self.pinned_out(turn):
                continue
            if self.now + EARLY >= overdue:
                later = {
                    other.unit
                    for other, when in self.running.values()
                    if other.ticket > turn.ticket and when >= overdue and when > left
                }
                assert turn.unit.weights not in {unit.weights for unit in later}
                assert self.may_join(turn, later | self.kept(turn))
                if not self.moving:
                    assert self.plan.waits[turn.ticket] == "in use"
            return

    def check_rest(self) -> None:
        """Once a plan is carried out there is no more to do before it says so."""
        rest = self.plan_at(self.now)
        assert rest.admit == ()
        assert rest.swap is None
        if rest.wake_at is not None:
            assert rest.wake_at > self.now
            if self.limits.policy == "lru":
                soon = self.plan_at((self.now + rest.wake_at) / 2)
                assert (soon.admit, soon.swap) == ((), None)

    def kept(self, turn: Waiting) -> set[Unit]:
        """What is pinned and does not go for a turn."""
        return {unit for unit, slot in self.slots.items() if slot.pinned and unit.weights != turn.unit.weights}

    def pinned_out(self, turn: Waiting) -> bool:
        return not self.may_join(turn, self.kept(turn))

    def may_join(self, turn: Waiting, others: Iterable[Unit]) -> bool:
        held = [turn.unit, *others]
        return len(held) == 1 or (len(held) <= self.limits.max_models and self.fits(held))

    def fits(self, units: Sequence[Unit]) -> bool:
        return self.limits.max_memory is None or sum(map(SIZES.__getitem__, units)) <= self.limits.max_memory


TestResidency = Residency.TestCase
TestResidency.settings = settings(max_examples=200, stateful_step_count=60)
