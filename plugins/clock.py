"""Tools that tell the time and reckon with dates."""

import zoneinfo
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from mdsa_server.plugin_api import PluginContext, Tool, ToolRefused, ToolSource, hookimpl

NEAR = 0.75
"""How much a city's name must be like the one that was asked for to be meant before all others: from 0 to 1."""
Zone = Annotated[str, Meta(description="Time zone: an IANA name such as Europe/Lisbon, or a city such as Tokyo")]
NO_ZONES = ("posixrules", "localtime", "Factory")
"""Files beside those of the zones: rules for others, and what stands for a zone that nobody chose."""
Weekday = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class ClockSettings(Struct):
    """The table `[plugins.clock]`."""

    zone: str = "UTC"
    """The time zone of those who ask without naming one."""


@hookimpl
def plugin_settings() -> type[ClockSettings]:
    return ClockSettings


@hookimpl
def register_tools(context: PluginContext) -> Iterable[ToolSource]:
    zone: str = context.settings.zone
    find_zone(zone)
    return [Tool(clock_of(zone)), Tool(calendar_of(zone)), Tool(days_between), Tool(add_days), Tool(add_months)]


def clock_of(own_zone: str) -> Callable[..., dict[str, str]]:
    """Make the tool that tells the time, in `own_zone` unless asked otherwise."""

    def now(zone: Zone = own_zone) -> dict[str, str]:
        """Tell the current time, today's date and weekday, here or in another time zone or city."""
        moment = datetime.now(UTC).astimezone(find_zone(zone))
        return {
            "date": moment.date().isoformat(),
            "time": f"{moment:%H:%M:%S}",
            "weekday": weekday_of(moment),
            "zone": str(moment.tzinfo),
            "offset": moment.isoformat()[-6:],
        }

    return now


def calendar_of(own_zone: str) -> Callable[..., dict[str, str]]:
    """Make the tool that finds a weekday's date, after today in `own_zone` unless asked otherwise."""

    def next_weekday(
        weekday: Weekday,
        after: Annotated[date | None, Meta(description="A date such as 2024-05-31; left out, today")] = None,
    ) -> dict[str, str]:
        """Tell the date of the next Monday, Tuesday, Wednesday, Thursday, Friday, Saturday or Sunday."""
        start = after or datetime.now(UTC).astimezone(find_zone(own_zone)).date()
        return add_days(start, 7 - (start.weekday() - get_args(Weekday).index(weekday)) % 7)

    return next_weekday


def days_between(start: date, end: date) -> int:
    """Count the days between two dates (2024-05-31), or until a date; negative if the second is earlier."""
    return (end - start).days


def add_days(start: date, days: int) -> dict[str, str]:
    """Tell the date and weekday some days after a date (2024-05-31), before it if negative; of itself if 0."""
    try:
        day = start + timedelta(days=days)
    except OverflowError as error:
        raise outside(f"{days} days from {start}") from error
    return {"date": day.isoformat(), "weekday": weekday_of(day)}


def add_months(start: date, months: int) -> dict[str, str]:
    """Tell the date and weekday some months after a date (2024-05-31), before it if negative; years are 12 months."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise outside(f"{months} months from {start}")
    # A month after January 31 is the last day of February, as contracts and people have it.
    last = monthrange(year, month + 1)[1]
    return add_days(date(year, month + 1, min(start.day, last)), 0)


def outside(what: str) -> ToolRefused:
    return ToolRefused(f"{what} is outside of the years {MINYEAR} to {MAXYEAR}", "Ask for fewer.")


def weekday_of(day: date) -> str:
    # Not strftime: its names depend on the machine's language.
    weekday: str = get_args(Weekday)[day.weekday()]
    return weekday


def find_zone(asked: str) -> zoneinfo.ZoneInfo:
    """Find a time zone by its IANA name or by its city. Raises ToolRefused, with names that come close."""
    try:
        if asked not in NO_ZONES:
            return zoneinfo.ZoneInfo(asked)
    except (KeyError, ValueError, OSError):
        pass  # No name as it stands; perhaps in other letters, or a city. To list them all takes a tenth of a second.
    names = sorted(zoneinfo.available_timezones().difference(NO_ZONES))
    by_name = {name.casefold(): name for name in names}
    by_city = {name.rpartition("/")[2].casefold(): name for name in reversed(names)}
    wanted = "_".join(asked.partition(",")[0].split()).casefold()
    found = by_name.get(wanted) or by_city.get(wanted)
    if found is None:
        close = get_close_matches(wanted, by_city, n=3, cutoff=NEAR) or get_close_matches(wanted, by_city, n=3)
        hint = f"Did you mean {', '.join(by_city[city] for city in close)}?" if close else "Name a large city nearby."
        raise ToolRefused(f"there is no time zone {asked!r}", hint)
    return zoneinfo.ZoneInfo(found)
