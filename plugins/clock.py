"""Tools that tell the time and reckon with dates."""

import zoneinfo
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated

from msgspec import Meta, Struct

from mdsa_server.plugin_api import PluginContext, Tool, ToolRefused, ToolSource, hookimpl

Zone = Annotated[str, Meta(description="Time zone: an IANA name such as Europe/Lisbon, or a city such as Tokyo")]


class ClockSettings(Struct):
    """The table `[plugins.clock]`."""

    zone: str = "UTC"
    """The time zone of those who ask without naming one."""


@hookimpl
def plugin_settings() -> type[ClockSettings]:
    return ClockSettings


@hookimpl
def register_tools(context: PluginContext) -> Iterable[ToolSource]:
    return [Tool(clock_of(context.settings.zone)), Tool(days_between), Tool(add_days)]


def clock_of(own_zone: str) -> Callable[..., dict[str, str]]:
    """Make the tool that tells the time, in `own_zone` unless asked otherwise. Raises ToolRefused if unknown."""
    find_zone(own_zone)

    def now(zone: Zone = own_zone) -> dict[str, str]:
        """Tell the current date, time of day and day of the week."""
        moment = datetime.now(UTC).astimezone(find_zone(zone))
        return {
            "date": moment.date().isoformat(),
            "time": f"{moment:%H:%M:%S}",
            "weekday": weekday_of(moment),
            "zone": str(moment.tzinfo),
            "offset": moment.isoformat()[-6:],
        }

    return now


def days_between(start: date, end: date) -> int:
    """Count the days from one date to another, written as 2024-05-31; negative if the second is earlier."""
    return (end - start).days


def add_days(start: date, days: int) -> dict[str, str]:
    """Give the date that is some days after another, written as 2024-05-31, or before it if the days are negative."""
    try:
        day = start + timedelta(days=days)
    except OverflowError as error:
        raise ToolRefused(f"{days} days from {start} is outside of the years 1 to 9999", "Ask for fewer.") from error
    return {"date": day.isoformat(), "weekday": weekday_of(day)}


def weekday_of(day: date) -> str:
    # Not strftime: its names depend on the machine's language.
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day.weekday()]


def find_zone(asked: str) -> zoneinfo.ZoneInfo:
    """Find a time zone by its IANA name or by its city. Raises ToolRefused, with names that come close."""
    try:
        return zoneinfo.ZoneInfo(asked)
    except (KeyError, ValueError, OSError):
        pass  # No name as it stands; perhaps in other letters, or a city. To list them all takes a tenth of a second.
    names = sorted(zoneinfo.available_timezones())
    by_name = {name.casefold(): name for name in names}
    by_city = {name.rpartition("/")[2].casefold(): name for name in reversed(names)}
    wanted = "_".join(asked.partition(",")[0].split()).casefold()
    found = by_name.get(wanted) or by_city.get(wanted)
    if found is None:
        close = get_close_matches(wanted, by_city, n=3)
        hint = f"Did you mean {', '.join(by_city[city] for city in close)}?" if close else "Name a large city nearby."
        raise ToolRefused(f"there is no time zone {asked!r}", hint)
    return zoneinfo.ZoneInfo(found)
