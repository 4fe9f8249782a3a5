"""Where plugins are: bundled, in directories, in installed packages. Finding one runs none of its code."""

import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from mdsa_server import __version__
from mdsa_server.vocabulary.plugins import PluginSource

ENTRY_POINT_GROUP = "mdsa_server"
# Plugins loaded from files live under names of their own, so that none can stand in for a real module.
MODULE_PREFIX = "mdsa_plugin_"


@dataclass(frozen=True, kw_only=True)
class FoundPlugin:
    """A plugin that was found and not yet loaded."""

    name: str
    source: PluginSource
    version: str
    location: str
    load: Callable[[], ModuleType]
    """Import it; whatever its code raises comes through."""


def discover(bundled: Path, directories: Sequence[Path]) -> list[FoundPlugin]:
    """Find all plugins: the server's own, those in `directories`, those of installed packages, in that order.

    In a folder, each `.py` file and each package is one; names that begin with `_` or `.` are not.
    """
    found = list(_in_folder(bundled, "bundled", __version__))
    for directory in directories:
        found += _in_folder(directory, "directory", "")
    return found + list(_installed())


def _in_folder(folder: Path, source: PluginSource, version: str) -> Iterator[FoundPlugin]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        file = path if path.suffix == ".py" else path / "__init__.py"
        if path.name.startswith(("_", ".")) or not file.is_file():
            continue
        yield FoundPlugin(
            name=path.stem,
            source=source,
            version=version,
            location=str(path),
            load=lambda name=path.stem, file=file: _load_file(name, file),  # type: ignore[misc]  # bound per plugin
        )


def _load_file(name: str, file: Path) -> ModuleType:
    module_name = MODULE_PREFIX + name
    folder = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(module_name, file, submodule_search_locations=folder)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and a package's own imports look their module up while it is still being run.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _installed() -> Iterator[FoundPlugin]:
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        yield FoundPlugin(
            name=entry.name,
            source="package",
            version=entry.dist.version if entry.dist else "",
            location=f"{entry.dist.name}: {entry.value}" if entry.dist else entry.value,
            load=entry.load,
        )
