"""Statistics of two spans of time make those of both, in whatever order they are put together."""

import msgspec
from hypothesis import given
from msgspec.structs import fields

from mdsa_server.monitor.histogram import Histogram
from mdsa_server.monitor.statistics import NOTHING, DomainStatistics, Samples, Statistics, merged
from tests.monitor.counted import STATISTICS


@given(one=STATISTICS, other=STATISTICS, third=STATISTICS)
def test_merging_is_associative_and_commutative_and_nothing_adds_nothing(
    one: Statistics, other: Statistics, third: Statistics
) -> None:
    assert merged(merged(one, other), third) == merged(one, merged(other, third))
    assert merged(one, other) == merged(other, one)
    assert merged(one, NOTHING) == merged(NOTHING, one) == one


def test_merging_forgets_no_field() -> None:
    values = {
        int: 1,
        float: 1.0,
        Histogram: Histogram.of(1.0),
        Samples: Samples.of(1.0),
        dict[str, DomainStatistics]: {"code": DomainStatistics(turns=1)},
        dict[str, int]: {"keyword_router": 1},
    }
    one = msgspec.convert({field.name: values[field.type] for field in fields(Statistics)}, Statistics)
    twice = merged(one, one)
    same = [field.name for field in fields(Statistics) if getattr(twice, field.name) == getattr(one, field.name)]
    assert same == []


@given(one=STATISTICS, other=STATISTICS)
def test_merging_changes_neither(one: Statistics, other: Statistics) -> None:
    before = msgspec.json.encode(one), msgspec.json.encode(other)
    merged(one, other)
    assert before == (msgspec.json.encode(one), msgspec.json.encode(other))


@given(statistics=STATISTICS)
def test_what_is_written_is_read_again(statistics: Statistics) -> None:
    assert msgspec.json.decode(msgspec.json.encode(statistics), type=Statistics) == statistics


def test_rates_are_of_what_there_is_and_absent_where_there_is_nothing() -> None:
    assert (NOTHING.success_rate, NOTHING.tokens_per_second, NOTHING.processor.mean) == (None, None, None)
    some = Statistics(answered=3, failed=1, cancelled=4, timed_tokens=50, generating=2.0)
    assert (some.success_rate, some.tokens_per_second, some.ended) == (0.75, 25.0, 8)
