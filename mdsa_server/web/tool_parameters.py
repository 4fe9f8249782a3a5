"""What a tool takes, in a sentence for who called it with something else. Pure."""

from collections.abc import Mapping
from typing import Any

from mdsa_server.web.tool_form import DATE, DATETIME, FieldKind, ToolField, fields_of

MOST_CHOICES = 20
KINDS: dict[FieldKind, str] = {
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "date": f"a date such as {DATE}",
    "datetime": f"a date and time such as {DATETIME}",
    "lines": "a list of texts",
}


def what_it_takes(parameters: Mapping[str, Any]) -> str:
    """Name the parameters of a JSON schema, each with what fits it: `It takes: start (a date such as 2024-05-31).`"""
    required = parameters.get("required", ())
    told = [_told(field, optional=field.name not in required) for field in fields_of(parameters) if field.name]
    return f"It takes: {', '.join(told) or 'nothing'}."


def _told(field: ToolField, *, optional: bool) -> str:
    notes = [note for note in (_fitting(field), "optional" if optional else "") if note]
    return f"{field.name} ({'; '.join(notes)})" if notes else field.name


def _fitting(field: ToolField) -> str:
    if field.kind == "choice":
        values = [value for value, _ in field.choices]
        more = [f"{len(values) - MOST_CHOICES} more"] if len(values) > MOST_CHOICES else []
        *others, last = values[:MOST_CHOICES] + more
        return f"{', '.join(others)} or {last}" if others else last
    kind = KINDS.get(field.kind, "")
    least, most = field.least, field.most
    if least is not None and most is not None:
        return f"{kind} from {least} to {most}"
    if least is not None:
        return f"{kind}, {least} or more"
    return f"{kind}, at most {most}" if most is not None else kind
