"""Options that several commands share, and how they become settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

Command = TypeVar("Command", bound=Callable[..., Any])

FAULTY = 2
"""The exit code where the configuration has faults."""


def configuration_options(command: Command) -> Command:
    """Add --config and --data."""
    command = click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder; else [store] path.",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar="MDSA_CONFIG",
        help="The configuration file; else mdsa.toml in this folder, else the built-in one.",
    )(command)


def read_configuration(config: Path | None, data: Path | None, **overrides: object) -> Loaded:
    """Load the configuration, or print all its faults and end with 2. `overrides` are keys with `__` for dots."""
    from mdsa_server.configuration import load
    from mdsa_server.errors import ConfigurationInvalid

    try:
        return load(config, os.environ, Path.cwd(), as_overrides(data, overrides))
    except ConfigurationInvalid as error:
        click.secho(f"{error.title}:", fg="red", bold=True, err=True)
        for fault in error.faults:
            click.echo(f"  {fault}", err=True)
        sys.exit(FAULTY)


def as_overrides(data: Path | None, overrides: Mapping[str, object]) -> dict[str, object]:
    """Write command-line options as the dotted keys they stand for."""
    keys = {key.replace("__", "."): value for key, value in overrides.items()}
    return keys | {"store.path": str(data.absolute()) if data else None}
