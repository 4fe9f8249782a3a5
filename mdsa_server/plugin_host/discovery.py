"""Where plugins are: bundled, in directories, in installed packages. Finding one runs none of its code."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType

import structlog

from mdsa_server import __version__
from mdsa_server.vocabulary.plugins import PluginSource

log = structlog.get_logger(__name__)

ENTRY_POINT_GROUP = "mdsa_server"

# Plugins loaded from files live under names of their own, so that none can stand in for a real module.
MODULE_PREFIX = "mdsa_plugin_"


@dataclass(frozen=True, kw_only=True)
class FoundPlugin:
    """A plugin that was found and not yet loaded."""

    name: str
    source: PluginSource
    version: str = ""
    """Empty where only the module, once loaded, can tell."""
    location: str
    load: Callable[[], object] = field(repr=False)
    """Import it; whatever its code raises comes through, SystemExit too."""


def discover(bundled: Path, directories: Sequence[Path]) -> list[FoundPlugin]:
    """Find all plugins: the server's own, those in `directories`, those of installed packages, in that order.

    In a folder, each `.py` file and each package is one; names that begin with `_` or `.` are not. Two may have
    one name: it is the registry that decides between them.
    """
    found = list(_in_folder(bundled, "bundled", __version__))
    for directory in directories:
        found += _in_folder(directory, "directory", "")
    return found + sorted(_installed(), key=lambda plugin: plugin.name)


def _in_folder(folder: Path, source: PluginSource, version: str) -> Iterator[FoundPlugin]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        log.warning("plugin folder cannot be read", folder=str(folder), problem=str(error))
        return
    for entry in entries:
        file = entry / "__init__.py" if entry.is_dir() else entry
        if entry.name[0] in "._" or file.suffix != ".py" or not file.is_file():
            continue
        name = entry.name if entry.is_dir() else entry.stem
        yield FoundPlugin(
            name=name, source=source, version=version, location=str(entry), load=partial(_load_file, name, file)
        )


def _installed() -> Iterator[FoundPlugin]:
    seen: set[str] = set()
    for package in metadata.distributions():
        try:
            entry_points = package.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception as error:
            # A damaged package, most likely of no concern to us: whatever its text makes the parser raise.
            name, folder = package.metadata["Name"], str(package.locate_file(""))
            log.warning("package cannot be read", package=name, folder=folder, problem=str(error))
            continue
        if not entry_points:  # Nearly all; to read their names too would take ten times as long.
            continue
        name = package.metadata["Name"]
        # Without a name it was installed halfway; of one that is there twice Python imports the first.
        if not name or name in seen:
            continue
        seen.add(name)
        for entry_point in entry_points:
            yield FoundPlugin(
                name=entry_point.name,
                source="package",
                version=package.version or "",
                location=f"{name}: {entry_point.value}",
                load=entry_point.load,
            )


def _load_file(name: str, file: Path) -> ModuleType:
    module_name = MODULE_PREFIX + name.replace(".", "_")
    search = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(module_name, file, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    _forget(module_name)
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and a package's own imports look their module up while it is still being run.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(module_name)
        raise
    return module


def _forget(module_name: str) -> None:
    for name in [name for name in sys.modules if name == module_name or name.startswith(module_name + ".")]:
        del sys.modules[name]
