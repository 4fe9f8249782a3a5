"""The clock tells the time anywhere, and reckons with dates."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mdsa_server.plugin_api import ToolRefused
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugins.first_party import opened, use


@pytest.fixture
async def registry() -> AsyncIterator[PluginRegistry]:
    async with opened("clock") as registry:
        yield registry


async def test_now_is_now(registry: PluginRegistry) -> None:
    told = await use(registry, "now")
    moment = datetime.fromisoformat(f"{told['date']}T{told['time']}{told['offset']}")
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert told["weekday"] == f"{date.fromisoformat(told['date']):%A}"
    assert told["zone"] == "UTC"


@pytest.mark.parametrize(
    ("asked", "zone"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("PARIS, France", "Europe/Paris"),
        ("europe/london", "Europe/London"),
        ("utc", "UTC"),
    ],
)
async def test_a_zone_has_many_names(registry: PluginRegistry, asked: str, zone: str) -> None:
    told = await use(registry, "now", zone=asked)
    assert told["zone"].casefold() == zone.casefold()
    assert told["offset"] == datetime.now(ZoneInfo(zone)).isoformat()[-6:]


@pytest.mark.parametrize(
    "asked", ["Tokio", "posixrules", "localtime", "", "Europe", "/etc/passwd", "../UTC", "a\0b", "\ud800", "x" * 5000]
)
async def test_a_zone_that_is_none_is_refused(registry: PluginRegistry, asked: str) -> None:
    with pytest.raises(ToolRefused, match="there is no time zone"):
        await use(registry, "now", zone=asked)


async def test_a_zone_that_is_nearly_one_is_guessed(registry: PluginRegistry) -> None:
    with pytest.raises(ToolRefused) as refused:
        await use(registry, "now", zone="Tokio")
    assert refused.value.mend == "Did you mean Asia/Tokyo?"


async def test_the_owner_may_set_the_zone_of_those_who_name_none() -> None:
    async with opened("clock", settings={"zone": "Lisbon"}) as registry:
        assert (await use(registry, "now"))["zone"] == "Europe/Lisbon"
        (now,) = [tool for tool in await registry.tools() if tool.name == "now"]
        assert now.parameters["properties"]["zone"]["default"] == "Lisbon"


async def test_a_zone_in_the_settings_that_is_none_is_a_fault_at_once() -> None:
    async with opened("clock", settings={"zone": "Atlantis"}) as registry:
        (status,) = registry.status()
    assert "there is no time zone 'Atlantis'" in status.reason


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [("2024-02-28", "2024-03-01", 2), ("2023-02-28", "2023-03-01", 1), ("2024-03-01", "2024-02-28", -2)],
)
async def test_days_are_counted_between_dates(registry: PluginRegistry, start: str, end: str, days: int) -> None:
    assert await use(registry, "days_between", start=start, end=end) == days


async def test_days_are_added_to_a_date(registry: PluginRegistry) -> None:
    assert await use(registry, "add_days", start="2024-02-28", days=2) == {"date": "2024-03-01", "weekday": "Friday"}
    assert (await use(registry, "add_days", start="2024-03-01", days="-1"))["date"] == "2024-02-29"


@pytest.mark.parametrize(
    ("start", "months", "day"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-12-15", 1, "2025-01-15"),
        ("2024-01-15", -1, "2023-12-15"),
        ("2024-01-15", 0, "2024-01-15"),
    ],
)
async def test_months_are_added_and_end_where_the_month_does(
    registry: PluginRegistry, start: str, months: int, day: str
) -> None:
    told = await use(registry, "add_months", start=start, months=months)
    assert told == {"date": day, "weekday": f"{date.fromisoformat(day):%A}"}


@given(start=st.dates(), weekday=st.sampled_from([f"{date(2024, 1, day):%A}" for day in range(1, 8)]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # The tools keep nothing between calls.
async def test_the_next_weekday_comes_within_a_week_and_is_never_the_day_itself(
    registry: PluginRegistry, start: date, weekday: str
) -> None:
    assume(start < date.max - timedelta(days=7))
    told = await use(registry, "next_weekday", weekday=weekday, after=start.isoformat())
    assert told["weekday"] == weekday
    assert timedelta(0) < date.fromisoformat(told["date"]) - start <= timedelta(days=7)


async def test_the_next_weekday_is_after_today_where_no_date_is_named() -> None:
    before = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    async with opened("clock", settings={"zone": "Pacific/Kiritimati"}) as registry:
        told = await use(registry, "next_weekday", weekday="Friday")
    after = datetime.now(ZoneInfo("Pacific/Kiritimati")).date()
    assert before < date.fromisoformat(told["date"]) <= after + timedelta(days=7)


@pytest.mark.parametrize(("tool", "unit"), [("add_days", "days"), ("add_months", "months")])
@pytest.mark.parametrize("count", [-(10**6), 10**7, 10**30])
async def test_dates_outside_of_the_calendar_are_refused(
    registry: PluginRegistry, tool: str, unit: str, count: int
) -> None:
    arguments: dict[str, Any] = {"start": "2024-02-28", unit: count}
    with pytest.raises((ToolRefused, msgspec.ValidationError)):
        await use(registry, tool, **arguments)


async def test_after_the_last_friday_of_all_there_is_none(registry: PluginRegistry) -> None:
    with pytest.raises(ToolRefused, match="outside of the years"):
        await use(registry, "next_weekday", weekday="Friday", after="9999-12-31")


async def test_the_model_is_told_what_a_date_looks_like(registry: PluginRegistry) -> None:
    schemas = {tool.name: tool.parameters for tool in await registry.tools()}
    assert set(schemas) == {"now", "next_weekday", "days_between", "add_days", "add_months"}
    assert schemas["days_between"]["properties"]["start"] == {"type": "string", "format": "date"}
