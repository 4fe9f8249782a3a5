"""Keys of the configuration that come from environment variables: `MDSA_SERVER__PORT=9000`."""

from collections.abc import Iterable, Mapping
from typing import Any

from mdsa_server.configuration.lines import KeyPath, parsed

PREFIX = "MDSA_"
SEPARATOR = "__"
PLATFORM_VALUES = ("tcp://", "udp://", "sctp://")


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the variables that mean a key.

    A name without the separator means something else: a container platform sets MDSA_PORT and
    MDSA_SERVICE_HOST by itself for a service that is called mdsa.
    """
    return {
        name: text
        for name, text in sorted(environ.items())
        if name.upper().startswith(PREFIX) and SEPARATOR in name[len(PREFIX) :]
    }


def path_of(name: str, tree: Mapping[str, Any]) -> KeyPath:
    """Give the key that a variable means; in names that `tree` knows, case and hyphens are free."""
    path: list[str] = []
    here: Any = tree
    for part in name[len(PREFIX) :].split(SEPARATOR):
        known = here if isinstance(here, Mapping) else {}
        key = next((key for key in known if _folded(key) == _folded(part)), part.lower())
        path.append(key)
        here = known.get(key)
    return tuple(path)


def variable_of(path: KeyPath) -> str:
    """Give the variable that means a key."""
    return PREFIX + SEPARATOR.join(path).upper().replace("-", "_")


def single_underscores(environ: Mapping[str, str], keys: Iterable[KeyPath]) -> dict[str, KeyPath]:
    """Give the variables that would mean one of `keys` if they had the separator: MDSA_SERVER_PORT.

    A container platform may set that one too, for a service that is called mdsa-server; its values are told
    by their protocol.
    """
    meant = {variable_of(key).replace(SEPARATOR, "_"): key for key in keys}
    return {
        name: meant[name.upper()]
        for name, text in sorted(environ.items())
        if name.upper() in meant and not text.startswith(PLATFORM_VALUES)
    }


def value_of(text: str) -> Any:
    """Read a variable's text as a TOML value; what is none is a string."""
    try:
        document = parsed(f"value = {text}")
    except ValueError:
        return text
    return document["value"] if len(document) == 1 else text


def _folded(name: str) -> str:
    return name.replace("-", "_").casefold()
