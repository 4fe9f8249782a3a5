"""What commands share: the options that name the configuration, and the way a command is run."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mdsa_server.cli.problems import problems_shown

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded, Reading

Command = TypeVar("Command", bound=Callable[..., Any])

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def configuration_options(command: Command) -> Command:
    """Add --config and --data, as the parameters `config` and `data`."""
    command = click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False), help="The data folder; else [store] path."
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar="MDSA_CONFIG",
        help="The configuration file; else mdsa.toml in this folder, else the built-in one.",
    )(command)


def read_configuration(config: Path | None, data: Path | None, **overrides: object) -> Loaded:
    """Load the configuration in force, under what the command line says: `server__port` is `server.port`.

    Raises Refused with all its faults.
    """
    from mdsa_server.configuration import read

    keys = {key.replace("__", "."): value for key, value in overrides.items()}
    # What is typed in a shell is seen from where it is typed, not from the file's folder.
    keys["store.path"] = str(data.expanduser().absolute()) if data else None
    with problems_shown():
        return valid(read(config, os.environ, Path.cwd(), keys))


def valid(reading: Reading) -> Loaded:
    """Give what was read. Raises ConfigurationInvalid where it is faulty, with the faults that plugins show as well."""
    if reading.loaded and not reading.faults:
        return reading.loaded
    from mdsa_server.configuration.load import invalid
    from mdsa_server.configuration.offers import faults_of_plugins
    from mdsa_server.logs import configure_logging

    configure_logging("critical", "pretty")  # What goes wrong with plugins is among the faults.
    raise invalid([*reading.faults, *asyncio.run(faults_of_plugins(reading))])


def run(work: Coroutine[Any, Any, None], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
    """Run a command to its end; Ctrl-C ends it quietly, and errors of ours are shown as problems."""
    try:
        with problems_shown(), asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(work)
    except KeyboardInterrupt:
        click.echo(err=True)
        sys.exit(INTERRUPTED)
