"""Recorded turns served again under other settings, and what that would have saved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from mdsa_server.evaluation.recorded import RecordedTurn, loads_seen
from mdsa_server.evaluation.residency import FirstCome, Job, Kept, Outcome, optimum
from mdsa_server.inference.residency import Limits, Policy, Unit

# For models that were never seen loading.
UNKNOWN_LOAD_SECONDS = 2.0
# What another setting must save, as a share of the time lost, to be worth a word.
WORTH_SAYING = 0.05


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a way of keeping models cost. Seconds."""

    loads: int
    load_seconds: float
    median_wait: float
    longest_wait: float
    all_waits: float


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The same turns, served in several ways."""

    turns: int
    models: int
    """Models and contexts that differ: each is loaded for itself."""
    happened: Cost
    simulated: Cost
    first_come: Cost
    """By an engine that is left to itself."""
    optimum: int
    """The fewest loads for the order in which the simulation served the turns."""
    best: Limits
    """The settings that lose the least time in waiting; those asked for, where none is much better."""
    best_cost: Cost


def replay(turns: Sequence[RecordedTurn], limits: Limits, pinned: frozenset[str] = frozenset()) -> Replay:
    """Serve recorded turns again. `turns` is in order of arrival and not empty; `pinned` names models."""
    jobs = jobs_of(turns)
    outcome = Kept(jobs, limits, pinned=pinned).run()
    simulated = cost_of(outcome)
    tried = [(other, cost_of(Kept(jobs, other, pinned=pinned).run())) for other in alternatives(jobs, limits, pinned)]
    worth = simulated.all_waits * WORTH_SAYING
    least = min(cost.all_waits for _, cost in tried)
    # The first that is about as good as any, and so with the fewest places.
    best, best_cost = next((other, cost) for other, cost in tried if cost.all_waits <= least + worth)
    if best_cost.all_waits >= simulated.all_waits - worth:
        best, best_cost = limits, simulated
    return Replay(
        turns=len(turns),
        models=len({job.unit for job in jobs}),
        happened=_happened(turns),
        simulated=simulated,
        first_come=cost_of(FirstCome(jobs, limits.max_models).run()),
        optimum=optimum(outcome.order, limits.max_models, pinned),
        best=best,
        best_cost=best_cost,
    )


def jobs_of(turns: Sequence[RecordedTurn]) -> list[Job]:
    """Make jobs of turns; a model's load takes the median of the loads that were seen of it."""
    seen: dict[str, list[float]] = {}
    for model, _, began, ended in loads_seen(turns):
        seen.setdefault(model, []).append(ended - began)
    start = turns[0].arrived
    return [
        Job(
            unit=Unit(turn.model, (("num_ctx", turn.context),)),
            seconds=turn.ended - turn.admitted,
            load_seconds=median(seen.get(turn.model, [UNKNOWN_LOAD_SECONDS])),
            arrives=turn.arrived - start,
        )
        for turn in turns
    ]


def alternatives(jobs: Sequence[Job], limits: Limits, pinned: frozenset[str]) -> list[Limits]:
    """Give settings worth trying: each policy, with one place more than there are pins to one for each model."""
    most = max(len({job.unit.weights for job in jobs}), len(pinned) + 1)
    policies: tuple[Policy, ...] = ("lru", "cost")
    return [
        replace(limits, max_models=places, policy=policy)
        for places in range(len(pinned) + 1, most + 1)
        for policy in policies
    ]


def cost_of(outcome: Outcome) -> Cost:
    """Sum up an outcome."""
    return _cost(len(outcome.swaps), outcome.load_seconds, outcome.waits)


def _happened(turns: Sequence[RecordedTurn]) -> Cost:
    loads = loads_seen(turns)
    seconds = sum(ended - began for _, _, began, ended in loads)
    return _cost(len(loads), seconds, [turn.admitted - turn.arrived for turn in turns])


def _cost(loads: int, seconds: float, waits: Sequence[float]) -> Cost:
    return Cost(
        loads=loads,
        load_seconds=seconds,
        median_wait=median(waits) if waits else 0.0,
        longest_wait=max(waits, default=0.0),
        all_waits=sum(waits),
    )
