"""The fields of a form for a tool, made from the JSON schema of its parameters. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

FieldKind = Literal["text", "integer", "number", "flag", "choice", "date", "datetime", "lines", "json", "rest"]
"""`flag` is yes or no, `lines` a list of texts, `rest` an object of arguments that the schema does not name."""

MOST_STEPS = 20
"""References and lone alternatives that are followed; a schema may lead in a circle."""

DATE = "2024-05-31"
DATETIME = "2024-05-31T14:30:00Z"
"""Examples of what is written where one is wanted."""

COMBINED = ("$ref", "allOf", "anyOf", "oneOf", "patternProperties")
"""What may ask for arguments beside the properties of an object."""


TEXTS: dict[str, FieldKind] = {"date": "date", "date-time": "datetime"}
"""Fields for texts of a format."""


class ToolField(Struct, frozen=True, kw_only=True):
    """One field of a form."""

    name: str
    kind: FieldKind
    help: str = ""
    needed: bool = False
    """Whether it must be filled in."""
    null: bool = False
    """Whether it must be sent, and may be null."""
    start: str = ""
    """What stands in it at first, as a form sends it; a flag that is set sends anything."""
    choices: tuple[tuple[str, str], ...] = ()
    """What may be chosen: as the form sends it, which is JSON, and as it is shown."""
    least: float | None = None
    most: float | None = None
    schema: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """Its name in the form, where other fields stand too."""
        return "arguments" if self.kind == "rest" else f"argument.{self.name}"


def fields_of(parameters: Mapping[str, Any]) -> tuple[ToolField, ...]:
    """Give a field for each property of an object's JSON schema, and one for whatever else it may take."""
    required = parameters.get("required", ())
    properties = parameters.get("properties", {})
    fields = [_field(name, schema, parameters, required=name in required) for name, schema in properties.items()]
    if parameters.get("additionalProperties") or any(key in parameters for key in COMBINED):
        fields.append(ToolField(name="", kind="rest"))
    return tuple(fields)


def _field(name: str, schema: Any, root: Mapping[str, Any], *, required: bool) -> ToolField:
    plain, nullable = _plain(schema, root)
    kind = _kind(plain, root, settled=required or isinstance(plain.get("default"), bool))
    choices = _choices(plain) if kind == "choice" else ()
    must = required and kind not in ("flag", "lines")
    least, most = (plain.get(key) if kind in ("integer", "number") else None for key in ("minimum", "maximum"))
    return ToolField(
        name=name,
        kind=kind,
        help=str(plain.get("description", "")),
        needed=must and not nullable,
        null=required and (nullable or kind == "lines"),
        start=_start(kind, plain.get("default"), choices),
        choices=choices,
        least=least,
        most=most,
        schema=plain if kind == "json" else {},
    )


def _plain(schema: Any, root: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Follow references and alternatives of which one alone is not null; say whether null is allowed as well."""
    nullable = False
    found: dict[str, Any] = schema if isinstance(schema, dict) else {}
    for _ in range(MOST_STEPS):
        step = next((key for key in ("$ref", "allOf", "anyOf", "oneOf") if key in found), None)
        if step is None:
            break
        if step == "$ref":
            inner = _referred(found[step], root)
        else:
            others = [one for one in found[step] if one != {"type": "null"}]
            nullable |= len(others) < len(found[step])
            inner = others[0] if len(others) == 1 else None
        if not isinstance(inner, dict):
            break
        found = inner | {key: value for key, value in found.items() if key != step}
    if isinstance(kinds := found.get("type"), list):
        others = [kind for kind in kinds if kind != "null"]
        nullable |= len(others) < len(kinds)
        found = found | {"type": others[0] if len(others) == 1 else others}
    return found, nullable


def _referred(reference: Any, root: Mapping[str, Any]) -> Any:
    """Give what a reference within the schema leads to; None where it leads nowhere."""
    here: Any = root
    if not str(reference).startswith("#/"):
        return None
    for step in str(reference)[2:].split("/"):
        here = here.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(here, dict) else None
    return here


def _kind(schema: dict[str, Any], root: Mapping[str, Any], *, settled: bool) -> FieldKind:
    """`settled`: whether yes or no is always said; otherwise a third choice is to say neither."""
    if "enum" in schema or "const" in schema:
        return "choice"
    match schema.get("type"):
        case "boolean":
            return "flag" if settled else "choice"
        case "integer":
            return "integer"
        case "number":
            return "number"
        case "string":
            return TEXTS.get(str(schema.get("format")), "text")
        case "array" if _is_text(schema.get("items"), root):
            return "lines"
    return "json"


def _is_text(items: Any, root: Mapping[str, Any]) -> bool:
    plain, nullable = _plain(items, root)
    return plain.get("type") == "string" and "enum" not in plain and not nullable


def _choices(schema: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if schema.get("type") == "boolean" and "enum" not in schema:
        return (("true", "yes"), ("false", "no"))
    values = schema.get("enum", [schema.get("const")])
    return tuple((_json(value), value if isinstance(value, str) else _json(value)) for value in values)


def _start(kind: FieldKind, default: Any, choices: tuple[tuple[str, str], ...]) -> str:
    match kind, default:
        case _, None:
            return ""
        case "flag", bool():
            return "on" if default else ""
        case (("text" | "date" | "datetime"), str()):
            return default
        case "lines", list():
            return "\n".join(map(str, default))
        case "choice", _:
            return next((value for value, _ in choices if value == _json(default)), "")
        case (("integer" | "number"), (int() | float())):
            return _json(default)
        case "json", _:
            return json.dumps(default, ensure_ascii=False, indent=2)
    return ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
