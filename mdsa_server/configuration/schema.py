"""The JSON schema of `mdsa.toml`, published for editors as `docs/mdsa.schema.json`."""

import json
from typing import Any

from mdsa_server.settings import Settings

# The draft that editors of TOML understand best.
DRAFT = "http://json-schema.org/draft-07/schema#"


def published_schema() -> str:
    """Give the schema as the text of the published file."""
    schema = {"$schema": DRAFT} | _for_toml(Settings.model_json_schema())
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _for_toml(schema: Any) -> Any:
    """Take out what TOML cannot write, null, and titles that only repeat a key."""
    if isinstance(schema, list):
        return [_for_toml(part) for part in schema if part != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _for_toml(part)
        for key, part in schema.items()
        if not (key == "default" and part is None) and not (key == "title" and isinstance(part, str))
    }
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    choices = kept.get("anyOf", ())
    if len(choices) == 1:
        kept |= kept.pop("anyOf")[0]
    return kept
