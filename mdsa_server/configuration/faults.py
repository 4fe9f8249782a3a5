"""Faults in words: what the validator found, told to the person who wrote the file."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mdsa_server.configuration.environment import variable_of
from mdsa_server.configuration.lines import KeyPath
from mdsa_server.configuration.places import Places, dotted
from mdsa_server.setting_values import Unfit
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.hidden_values import shown_text
from mdsa_server.vocabulary.toml_text import toml

WANTED = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "model_type": "a table",
    "path_type": "a path in quotes",
    "string_type": "a string in quotes",
    "tuple_type": "a list in square brackets",
}
"""What the validator's kinds of errors ask for, in TOML's words."""

KINDS: tuple[tuple[type, str], ...] = (
    (bool, "{}"),
    (int, "the number {}"),
    (float, "the number {}"),
    (str, "the string {}"),
    (list, "a list"),
    (dict, "a table"),
)
"""What TOML values are called; the first that fits. The others are dates and times."""


def faults_of(error: ValidationError, places: Places) -> list[Fault]:
    """Tell each error of the validator as a fault, in the order of the file's tables."""
    return [_fault(details, places) for details in error.errors(include_url=False)]


def closest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that `name` was probably meant to be."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[matches[0]] if matches else None


def field_at(path: KeyPath) -> FieldInfo | None:
    """Give what the settings say of a key; None where there is no such key."""
    table = table_at(path[:-1])
    return table.model_fields.get(path[-1]) if table and path else None


def table_at(path: KeyPath) -> type[BaseModel] | None:
    """Give the type of the table at `path`; None where there is none, or where it is a free one."""
    here: Any = Settings
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(part)
            here = field.annotation if field else None
        else:
            here = get_args(here)[1] if get_origin(here) is dict else None
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _fault(details: ErrorDetails, places: Places) -> Fault:
    kind = details["type"]
    path = tuple(str(part) for part in details["loc"])
    if path[-1] == "[key]":
        name = path[-2]
        return places.fault(
            path[:-1], f"{toml(name)} cannot name a domain", "Use a to z, 0 to 9, - and _, and begin with a letter."
        )
    if kind == "extra_forbidden":
        return _unknown_key(path, places)
    if kind == "missing":
        return _missing(path, places)
    unfit = details.get("ctx", {}).get("error")
    if isinstance(unfit, Unfit):
        return places.fault(path, unfit.what, unfit.mend)
    if kind == "tuple_type" and isinstance(details["input"], str):
        return places.fault(path, _what(details), _mend_as_list(path, details["input"], places))
    return places.fault(path, _what(details), _mend_in_free_table(details) or _mend_like_default(path, places))


def _unknown_key(path: KeyPath, places: Places) -> Fault:
    table = table_at(path[:-1])
    known = list(table.model_fields) if table else []
    home = next((name for name in Settings.model_fields if field_at((name, path[-1]))), None)
    variable = _in_variable(path, places)
    if home and home != path[0] and not closest(path[-1], known):
        mend = f"Set {variable_of((home, path[-1]))}." if variable else f"It belongs in [{home}]."
    elif meant := closest(path[-1], known):
        mend = f"Did you mean {variable_of((*path[:-1], meant)) if variable else meant}?"
    else:
        mend = f"There are: {', '.join(known)}."
    where = f"no such key in [{dotted(path[:-1])}]" if path[:-1] else "no such table"
    return places.fault(path, f"there is {where}", mend)


def _missing(path: KeyPath, places: Places) -> Fault:
    if path == ("domains",):
        return _no_domains(places)
    field = field_at(path)
    description = field.description if field else None
    return places.fault(path, "is missing", description or "Write it.")


def _no_domains(places: Places) -> Fault:
    return places.fault(
        ("domains",),
        "there is no domain, so nothing can be answered",
        "Write a table [domains.NAME] with a description; mdsa init writes a file to start from.",
    )


def _what(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind in WANTED:
        return f"must be {WANTED[kind]}, not {_described(details)}"
    if kind in ("too_short", "string_too_short"):
        return "is empty"
    if kind == "value_error":
        return f"cannot be used: {details['ctx']['error']}"
    message = details["msg"].removeprefix("Input should be ").replace("'", '"')
    return f"must be {message}, not {_described(details)}"


def _described(details: ErrorDetails) -> str:
    value = details["input"]
    value = shown_text(value) if isinstance(value, str) else value
    words = next((words for kind, words in KINDS if isinstance(value, kind)), "a date or time")
    return words.format(toml(value))


def _mend_in_free_table(details: ErrorDetails) -> str:
    """Say what fits a key that may have any name, such as a tool's in [tools.approval]; empty for other keys."""
    path = tuple(str(part) for part in details["loc"])
    table = field_at(path[:-1])
    one_of_several = details["type"] == "literal_error" and field_at(path) is None
    return (table.description or "") if table and one_of_several else ""


def _mend_like_default(path: KeyPath, places: Places) -> str:
    """Show how the key is written, by its default."""
    if path == ("domains",):
        return _no_domains(places).mend
    while path and path[-1].isdigit():
        path = path[:-1]
    field = field_at(path)
    if field is None or table_at(path):
        return f"Write it as a table: [{dotted(path)}]."
    if field.default is None or field.is_required() or field.default_factory is not None:
        return field.description or "Leave it out."
    verb = "Set" if _in_variable(path, places) else "Write"
    return f"{verb} it like the default: {_assigned(path, field.default, places)}."


def _mend_as_list(path: KeyPath, text: str, places: Places) -> str:
    """Put what was written alone into a list; a variable may well name several, with commas between them."""
    parts = text.split(",") if _in_variable(path, places) else [text]
    return f"Write a list: {_assigned(path, [shown_text(part.strip()) for part in parts if part.strip()], places)}"


def _assigned(path: KeyPath, value: Any, places: Places) -> str:
    """Give a key its value in the way of the place where it stands, ready to be typed."""
    if _in_variable(path, places):
        return f"{variable_of(path)}='{toml(value)}'"
    return f"{path[-1]} = {toml(value)}"


def _in_variable(path: KeyPath, places: Places) -> bool:
    return places.of(path).name.upper() == variable_of(path)
