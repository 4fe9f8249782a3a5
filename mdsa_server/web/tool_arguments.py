"""What is written in a form for a tool, turned into arguments: faults are told by field. Pure."""

import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from mdsa_server.web.tool_form import DATE, DATETIME, FieldKind, ToolField


def arguments_of(fields: tuple[ToolField, ...], written: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Turn what is written in a form into arguments; what is left empty is left out.

    Gives the arguments and the faults, which are sentences by the keys of their fields. Whether the arguments fit the
    tool is for the tool to say.
    """
    arguments: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for field in fields:
        # A browser ends lines as HTTP does.
        text = written.get(field.key, "").replace("\r\n", "\n")
        try:
            if field.kind == "flag":
                arguments[field.name] = field.key in written
            elif text == "" or (field.kind != "text" and not text.strip()):
                if field.needed:
                    faults[field.key] = "This is needed."
                elif field.null:
                    arguments[field.name] = [] if field.kind == "lines" else None
            elif field.kind == "rest":
                arguments = _object(text) | arguments
            else:
                arguments[field.name] = READ[field.kind](field, text)
        except ValueError as error:
            faults[field.key] = str(error)
    return arguments, faults


# Each reads one kind of field. Raises ValueError with a sentence.


def _integer(field: ToolField, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError("This is no whole number.") from error


def _number(field: ToolField, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("This is no number.")
    return int(text) if text.strip().lstrip("+-").isdecimal() else number


def _choice(field: ToolField, text: str) -> Any:
    if text not in dict(field.choices):
        raise ValueError("This is none of the choices.")
    return json.loads(text)


def _date(field: ToolField, text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise ValueError(f"This is no date such as {DATE}.") from error


def _datetime(field: ToolField, text: str) -> str:
    try:
        return datetime.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise ValueError(f"This is no date and time such as {DATETIME}.") from error


def _lines(field: ToolField, text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _any(field: ToolField, text: str) -> Any:
    try:
        found = json.loads(text, parse_constant=_no_number)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(f"This is no JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except UnicodeEncodeError as error:
        raise ValueError("This holds half of a surrogate pair, which is no character.") from error
    except RecursionError as error:
        raise ValueError("This is nested too deeply.") from error
    return found


def _object(text: str) -> dict[str, Any]:
    found = _any(ToolField(name="", kind="rest"), text)
    if not isinstance(found, dict):
        raise ValueError('This is no JSON object such as {"name": 1}.')
    return found


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON.")


READ: dict[FieldKind, Callable[[ToolField, str], Any]] = {
    "text": lambda field, text: text,
    "integer": _integer,
    "number": _number,
    "choice": _choice,
    "date": _date,
    "datetime": _datetime,
    "lines": _lines,
    "json": _any,
}
