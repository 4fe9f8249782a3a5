"""Axes of charts over time: ticks at round values, and at round moments of this machine's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil, floor, log10

from mdsa_server.monitor.history import Window

NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
# What is less is nothing to be seen: a millionth of a second, or of a byte.
LEAST = 1e-6
DAY = timedelta(days=1)


def step_up(most: float, *, ticks: int = 4, whole: bool = False) -> float:
    """Give a round step of which `ticks` reach `most`; `whole` where there is nothing between whole numbers."""
    if most < LEAST:
        return 1.0
    rough = most / ticks
    scale = 10.0 ** floor(log10(rough))
    step = next(nice * scale for nice in NICE if nice * scale >= rough * (1 - 1e-9))
    return float(max(1, ceil(step))) if whole else step


def moments(window: Window, begins: float, ends: float) -> list[tuple[float, str]]:
    """Give the ticks between two moments, in seconds since 1970, each with its label in local time."""
    now = datetime.fromtimestamp(begins).astimezone()
    found = []
    if window == "15m":
        tick = now.replace(second=0, microsecond=0)
        while tick.timestamp() <= ends:
            if tick.minute % 5 == 0 and tick.timestamp() >= begins:
                found.append((tick.timestamp(), f"{tick:%H:%M}"))
            tick += timedelta(minutes=1)
    elif window == "24h":
        tick = now.replace(minute=0, second=0, microsecond=0)
        while tick.timestamp() <= ends:
            # An hour later by the clock's own time: where it is put forward or back, the label tells it.
            local = datetime.fromtimestamp(tick.timestamp()).astimezone()
            if local.hour % 6 == 0 and tick.timestamp() >= begins:
                found.append((tick.timestamp(), f"{local:%H:%M}"))
            tick += timedelta(hours=1)
    else:
        tick = datetime.fromtimestamp(begins).replace(hour=0, minute=0, second=0, microsecond=0)
        while tick.timestamp() <= ends:
            if tick.weekday() == 0 and tick.timestamp() >= begins:
                found.append((tick.timestamp(), f"{tick.day} {tick:%b}"))
            tick += DAY
    return found
