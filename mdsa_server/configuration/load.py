"""The configuration in force: found, read, overlaid by environment and command line, checked."""

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from os.path import expanduser, isdir, join
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mdsa_server import bundled
from mdsa_server.configuration import environment
from mdsa_server.configuration.faults import closest, faults_of, field_at, table_at
from mdsa_server.configuration.lines import KeyPath, lines_of, parsed, paths_of, statements
from mdsa_server.configuration.places import Place, Places, dotted
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.settings import ResidencySettings, RoutingSettings, Settings
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.models import full_name

FILE_NAME = "mdsa.toml"
FILE_VARIABLE = "MDSA_CONFIG"
COMMAND_LINE = "command line"
BUILT_IN = "default"


@dataclass(frozen=True)
class Loaded:
    """Valid settings, and where they come from."""

    settings: Settings
    path: Path | None
    """The file that was read; None where there is none and the built-in one is in force."""
    places: Places
    """Where each key was written, for faults that only show later."""
    again: Callable[[], "Reading"]
    """Read the same again, as it is then. Raises ConfigurationInvalid where nothing can be read."""

    @property
    def sources(self) -> dict[str, str]:
        """Each key, dotted, with where its value comes from.

        That is `mdsa.toml:12`, `MDSA_SERVER__PORT`, `command line` or `default`.
        """
        return {dotted(path): str(self.places.written.get(path, BUILT_IN)) for path in _keys(self.settings)}


@dataclass(frozen=True)
class Reading:
    """What was read of a configuration, faulty or not."""

    loaded: Loaded | None
    """What stands when the faulty keys are left out, so that the rest can be looked at too; None where nothing does."""
    faults: tuple[Fault, ...] = ()


def load(
    config: Path | None, environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, Any] | None = None
) -> Loaded:
    """Read the configuration, and refuse it where it is faulty: raises ConfigurationInvalid with all faults at once."""
    reading = read(config, environ, cwd, overrides)
    if reading.faults or reading.loaded is None:
        raise invalid(reading.faults)
    return reading.loaded


def read(
    config: Path | None, environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, Any] | None = None
) -> Reading:
    """Read the configuration: defaults, under the file, under the environment, under `overrides`.

    `overrides` are what the command line says, by dotted key; None means that it says nothing.
    Relative paths start from the file's folder, or from `cwd` where there is no file.
    Raises ConfigurationInvalid where the file cannot be read, or is no TOML.
    """
    cwd = cwd.absolute()
    path = _find(config, environ, cwd)
    tree, places = _read(path, cwd)
    _lay_environment_over(tree, places, environ)
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(tree, places, tuple(key.split(".")), value, Place(COMMAND_LINE))
    # Tables that nobody wrote are validated as well: their paths start from the folder too.
    for table in Settings.model_fields:
        if table != "domains":
            tree.setdefault(table, {})
    folder = path.parent if path else cwd
    faults = _misspelt_variables(tree, environ) + _faults_between_keys(tree, places, folder)
    settings, refused = _validated(tree, folder)
    if refused:
        faults = faults_of(refused, places) + faults
    again = partial(read, path, environ, cwd, overrides)
    return Reading(Loaded(settings, path, places, again) if settings else None, tuple(faults))


# --- the file


def _find(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Give the file to read; one that was named is read, whether it exists or not."""
    if config is not None:
        return (cwd / config).absolute()
    if named := environ.get(FILE_VARIABLE):
        return (cwd / expanduser(named)).absolute()
    beside = cwd / FILE_NAME
    return beside.absolute() if beside.is_file() else None


def _read(path: Path | None, cwd: Path) -> tuple[dict[str, Any], Places]:
    if path is None:
        # Nobody wrote these keys, so they have no places.
        text = bundled.reference_configuration().read_text("utf-8")
        return tomllib.loads(text), Places(Place("the built-in configuration"))
    name = str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
    text = _text(path, name)
    try:
        tree = parsed(text)
    except ValueError as error:
        raise invalid([_syntax_fault(name, text, str(error))]) from error
    return tree, Places(Place(name), {key: Place(name, line) for key, line in lines_of(text).items()})


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8-sig")  # Some editors of Windows begin a file with a byte order mark.
    except FileNotFoundError as error:
        fault = Fault(
            file=name, key="", what="there is no such file", mend=f"Name another, or write it: mdsa init --path {name}"
        )
        raise invalid([fault]) from error
    except OSError as error:
        fault = Fault(file=name, key="", what=f"cannot be read ({error.strerror})", mend="Check its permissions.")
        raise invalid([fault]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        fault = Fault(file=name, line=line, key="", what="is not UTF-8", mend="Save the file as UTF-8.")
        raise invalid([fault]) from error


def _syntax_fault(name: str, text: str, message: str) -> Fault:
    """Take the line out of the parser's message; else say where the trouble began."""
    begun = next((statement.line for statement in statements(text) if statement.content is None), None)
    found = re.search(r"\(at line (\d+)", message)
    line = int(found[1]) if found else begun or text.rstrip().count("\n") + 1
    what = "is no TOML: " + re.sub(r" \(at .*\)$", "", message)
    if begun is None:
        mend = "Write each key and each table once."
    else:
        what += f", in what begins on line {begun}" if line != begun else ""
        mend = "Look for a missing quote, bracket or equals sign."
    return Fault(file=name, line=line, key="", what=what, mend=mend)


# --- what is valid


def _validated(tree: dict[str, Any], folder: Path) -> tuple[Settings | None, ValidationError | None]:
    """Give the settings without the keys that do not fit, and what was said of those."""
    tree, refused = deepcopy(tree), None
    while True:
        try:
            return Settings.model_validate(tree, context={"folder": folder}), refused
        except ValidationError as error:
            refused = refused or error
            taken_out = [_take_out(tree, details["loc"]) for details in error.errors(include_url=False)]
            if not any(taken_out):
                return None, refused


def _take_out(tree: dict[str, Any], path: Sequence[str | int]) -> bool:
    """Take the innermost key of `path` out that is there: where one is missing, that is the table it is missed in."""
    found: tuple[dict[str, Any], str] | None = None
    here: Any = tree
    for part in path:
        if not isinstance(here, dict) or part not in here:
            break
        found = here, str(part)
        here = here[part]
    if found:
        del found[0][found[1]]
    return found is not None


# --- what lies over it


def _lay_environment_over(tree: dict[str, Any], places: Places, environ: Mapping[str, str]) -> None:
    for name, text in environment.variables(environ).items():
        path = environment.path_of(name, tree)
        if not text.isprintable() and text != text.encode("utf-8", "replace").decode():
            fault = Fault(file=name, key=dotted(path), what="is not UTF-8", mend="Write the variable anew.")
            raise invalid([fault])
        value = environment.value_of(text)
        if not isinstance(value, str) and _is_text(path):
            value = text
        _put(tree, places, path, value, Place(name))


def _is_text(path: KeyPath) -> bool:
    """Whether a key holds a string or a path, so that 2024 or true in a variable is one."""
    field = field_at(path)
    return field is not None and field.annotation in (str, str | None, Path)


def _put(tree: dict[str, Any], places: Places, path: KeyPath, value: Any, place: Place) -> None:
    here = tree
    for part in path[:-1]:
        if not isinstance(here.get(part), dict):
            here[part] = {}
        here = here[part]
    here[path[-1]] = value
    places.put(path, place, paths_of(value) if isinstance(value, dict) else ())


# --- faults


def _misspelt_variables(tree: Mapping[str, Any], environ: Mapping[str, str]) -> list[Fault]:
    """Find the variables with one underscore where there should be two; nothing else would tell of them."""
    domains = tree.get("domains")
    tables: list[KeyPath] = [(table,) for table in Settings.model_fields]
    tables += [("domains", name) for name in (domains if isinstance(domains, dict) else ())]
    keys = [(*table, key) for table in tables if (kind := table_at(table)) for key in kind.model_fields]
    return [
        Fault(
            file=name,
            key=dotted(path),
            what="means no key, for want of an underscore",
            mend=f"Did you mean {environment.variable_of(path)}?",
        )
        for name, path in environment.single_underscores(environ, keys).items()
    ]


def _faults_between_keys(tree: Mapping[str, Any], places: Places, folder: Path) -> list[Fault]:
    """Find what no key shows alone. Runs on what was written: other faults must not hide these."""
    faults = []
    fallback = _written(tree, "routing", "fallback", default=RoutingSettings.model_fields["fallback"].default)
    domains = tree.get("domains")
    if isinstance(domains, dict) and domains and isinstance(fallback, str) and fallback not in domains:
        meant = closest(fallback, domains)
        mend = f"Did you mean {meant}?" if meant else f"Set it to one of: {', '.join(domains)}."
        faults.append(places.fault(("routing", "fallback"), f'no domain is named "{fallback}"', mend))
    for name, domain in domains.items() if isinstance(domains, dict) else ():
        if isinstance(domain, dict) and domain.get("model") and domain.get("models"):
            what, mend = "names models, and so does model", "Take model out, and put it first in models."
            faults.append(places.fault(("domains", name, "models"), what, mend))
    pinned = _written(tree, "residency", "pinned", default=[])
    places_in_memory = _written(tree, "residency", "max_models", default=ResidencySettings().max_models)
    known = {full_name(model) for model in pinned if isinstance(model, str)} if isinstance(pinned, list) else set()
    if known and isinstance(places_in_memory, int) and len(known) >= places_in_memory >= 1:
        what = f"pins {len(known)} of the {places_in_memory} models that may be in memory"
        mend = "Pin fewer, or raise max_models: other models need a place too."
        faults.append(places.fault(("residency", "pinned"), what, mend))
    directories = _written(tree, "plugin_host", "directories", default=[])
    for directory in directories if isinstance(directories, list) else []:
        if isinstance(directory, str) and not isdir(join(folder, expanduser(directory))):
            what = f'"{directory}" is not a folder'
            faults.append(places.fault(("plugin_host", "directories"), what, f"Make it in {folder}, or take it out."))
    return faults


def _written(tree: Mapping[str, Any], table: str, key: str, *, default: Any) -> Any:
    values = tree.get(table)
    return values.get(key, default) if isinstance(values, dict) else default


def _keys(table: BaseModel | Mapping[str, Any]) -> Iterator[KeyPath]:
    """Give the path of every key that is no table itself."""
    for name, value in dict(table).items():
        if isinstance(value, BaseModel | dict) and dict(value):
            yield from ((name, *path) for path in _keys(value))
        else:
            yield (name,)


def invalid(faults: Iterable[Fault]) -> ConfigurationInvalid:
    """Make one error of all faults, in the order of their lines."""
    faults = sorted(faults, key=lambda fault: math.inf if fault.line is None else fault.line)
    detail = str(faults[0]) if len(faults) == 1 else f"{len(faults)} faults; the first is {faults[0]}"
    return ConfigurationInvalid(detail, "`mdsa check` lists all faults.", faults)
