"""The counts as Prometheus reads them: a registry of our own, over what is counted anyway.

Labels are bounded: domains that were configured since the server started and installed models have their names, and any
other model is `other`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mdsa_server import __version__
from mdsa_server.monitor.histogram import Histogram
from mdsa_server.monitor.host import HostReading
from mdsa_server.monitor.statistics import Statistics
from mdsa_server.vocabulary.models import WaitingTurns
from mdsa_server.web.model_table import ModelRow
from mdsa_server.web.rooms import Rooms

MEDIA_TYPE = "text/plain; version=0.0.4"
"""Which every Prometheus reads; the charset is added to it."""

OTHER = "other"


def exposition(rooms: Rooms, models: Iterable[ModelRow]) -> bytes:
    """Write all of it down, since the server started."""
    registry = CollectorRegistry()
    registry.register(_Counts(rooms, list(models)))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry)


class _Counts(Collector):
    def __init__(self, rooms: Rooms, models: list[ModelRow]) -> None:
        self._rooms = rooms
        self._models = models

    def collect(self) -> Iterator[Metric]:
        rooms = self._rooms
        rooms.recorder.settle()
        total = rooms.counters.total
        yield InfoMetricFamily("mdsa_server", "The server.", {"version": __version__})
        yield gauge("mdsa_engine_up", "Whether the engine answers.", float(rooms.engine.status.problem is None))
        yield from turns(total, rooms.counters.running)
        yield from by_domain(total)
        yield from residency(total, self._models, rooms.keeper.waiting())
        if rooms.host_watch.latest is not None:
            yield from machine(rooms.host_watch.latest)


def turns(total: Statistics, running: int) -> Iterator[Metric]:
    by_outcome = {"answered": total.answered, "failed": total.failed, "cancelled": total.cancelled}
    yield counter("mdsa_turns", "Turns that have ended.", "outcome", by_outcome)
    yield gauge("mdsa_turns_running", "Turns under way.", running)
    by_kind = {"answer": total.answer_tokens, "prompt": total.prompt_tokens}
    yield counter("mdsa_tokens", "Tokens, as the engine counted them.", "kind", by_kind)
    yield histogram("mdsa_turn_duration_seconds", "From message to end, of answered turns.", total.latency)
    yield histogram("mdsa_time_to_first_token_seconds", "From message to first token.", total.first_token)


def by_domain(total: Statistics) -> Iterator[Metric]:
    # Each was configured when it was chosen. Were it told as `other` once it is no more, that count would fall where it
    # is configured again.
    chosen = {name: domain.turns for name, domain in total.domains.items()}
    yield counter("mdsa_domain_turns", "Turns by the domain that was chosen.", "domain", chosen)
    abstained = {name: domain.abstained for name, domain in total.domains.items()}
    text = "Turns that a domain got because none seemed to fit."
    yield counter("mdsa_domain_abstentions", text, "domain", abstained)


def residency(total: Statistics, models: Iterable[ModelRow], line: Iterable[WaitingTurns]) -> Iterator[Metric]:
    waiting: Counter[str] = Counter()
    rows = {row.installed.name: row for row in models}
    for one in line:
        waiting[one.model if one.model in rows else OTHER] += one.turns
    yield CounterMetricFamily("mdsa_model_loads", "Models brought into memory.", total.loads)
    yield CounterMetricFamily("mdsa_model_load_seconds", "Lost to that, in seconds.", total.load_seconds)
    yield gauges("mdsa_turns_waiting", "Turns that wait for a model.", "model", waiting)
    resident = {name: row.resident for name, row in rows.items()}
    text = "Bytes that a model takes in memory, 0 where it is not there."
    yield gauges(
        "mdsa_model_resident_bytes", text, "model", {name: row.size if row else 0 for name, row in resident.items()}
    )
    in_use = {name: row.use.in_use for name, row in rows.items()}
    yield gauges("mdsa_model_turns_running", "Turns that a model answers now.", "model", in_use)


def machine(host: HostReading) -> Iterator[Metric]:
    for name, text, value in (
        ("mdsa_host_processor_ratio", "The share of the processor that is busy.", host.processor),
        ("mdsa_own_processor_ratio", "The share that the server and its children take.", host.own_processor),
        ("mdsa_host_memory_used_bytes", "Memory in use.", host.memory_used),
        ("mdsa_host_memory_bytes", "Memory there is.", host.memory_total),
        ("mdsa_own_memory_bytes", "Memory of the server and its children.", host.own_memory),
    ):
        if value is not None:
            yield gauge(name, text, value)
    # Two cards may be of one name.
    names = [f"{place} {gpu.name}" for place, gpu in enumerate(host.gpus)]
    loads = {name: gpu.load for name, gpu in zip(names, host.gpus, strict=True) if gpu.load is not None}
    yield gauges("mdsa_gpu_busy_ratio", "The share of time that a GPU works.", "gpu", loads)
    memory = {name: gpu.memory_used for name, gpu in zip(names, host.gpus, strict=True) if gpu.memory_used is not None}
    yield gauges("mdsa_gpu_memory_used_bytes", "Memory of a GPU in use.", "gpu", memory)


def counter(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def histogram(name: str, text: str, counted: Histogram) -> Metric:
    below = [(f"{boundary:.3g}", float(count)) for boundary, count in counted.at_most()]
    return HistogramMetricFamily(name, text, [*below, ("+Inf", float(len(counted)))], counted.seconds)
