"""Durations as Ollama takes and tells them: Go's notation in `keep_alive`, nanoseconds in answers."""

import re

NANOSECONDS = 1_000_000_000
FOREVER = float("inf")
# Far beyond any life of a process, and well within a float.
LONGEST_SECONDS = 1e12

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|s|m|h)")
_WHOLE = re.compile(rf"[+-]?(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+")


class BadDuration(ValueError):
    """A `keep_alive` that Ollama refuses; the text is Ollama's."""


def keep_alive_seconds(value: object) -> float:
    """Read `keep_alive`: seconds as a number, or a duration such as `1h30m`; below zero means for ever.

    The notation is that of Go's time.ParseDuration. Raises BadDuration.
    """
    if isinstance(value, str):
        seconds = _parsed(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(min(value, LONGEST_SECONDS))
    else:
        raise BadDuration(f"Unsupported type: '{value}'")
    return FOREVER if seconds < 0 else seconds


def nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def _parsed(text: str) -> float:
    if text in ("0", "+0", "-0"):
        return 0.0
    if not _WHOLE.fullmatch(text):
        unit_missing = re.fullmatch(rf"[+-]?{_NUMBER}", text)
        raise BadDuration(f'time: {"missing unit in" if unit_missing else "invalid"} duration "{text}"')
    total = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return -total if text.startswith("-") else total
