"""`mdsa doctor`: everything that the server rests on, looked at in a row, and how to mend what is not well."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.options import configuration_options
from mdsa_server.cli.problems import FAILED
from mdsa_server.vocabulary.call_text import readable

if TYPE_CHECKING:
    from mdsa_server.vocabulary.checkup import Check

COLORS = {"ok": "green", "warning": "yellow", "fault": "red"}
MARGIN = " " * 11


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@configuration_options
def doctor(as_json: bool, data: Path | None, config: Path | None) -> None:
    """Look at everything that the server rests on, and say how to mend what is not well.

    Nothing is changed. Ends with 1 where there are faults: with those the server does not start, or cannot do its work.
    """
    from mdsa_server.configuration.checkup import checkup
    from mdsa_server.logs import configure_logging

    # What goes wrong is found and told here; the log would tell it a second time.
    configure_logging("critical", "pretty")
    # What is typed in a shell is seen from where it is typed, not from the folder of the file.
    folder = data.expanduser().absolute() if data else None
    checks = asyncio.run(checkup(config, folder, os.environ, Path.cwd()))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(checks))
    else:
        _print(checks)
    sys.exit(FAILED if any(check.state == "fault" for check in checks) else 0)


def _print(checks: list[Check]) -> None:
    width = max(len(check.what) for check in checks)
    for check in checks:
        mark = click.style(f"{check.state:<9}", fg=COLORS[check.state])
        click.echo(f"  {mark}{check.what:<{width}}  {readable(check.found)}")
        if check.mend:
            click.secho(f"{MARGIN}{' ' * width}  {readable(check.mend)}", fg="cyan")
    faults = sum(check.state == "fault" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    color = "red" if faults else "yellow" if warnings else "green"
    click.secho(f"\n{_count(faults, 'fault').capitalize()}, {_count(warnings, 'warning')}.", fg=color, bold=True)


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
