"""`mdsa backup`: a copy of the database, made while the server serves, and looked at before it bears its name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.connection import connect, raise_for_problem
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import Refused

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@configuration_options
def backup(file: Path, data: Path | None, config: Path | None) -> None:
    """Copy the database into FILE, also while the server runs. A FILE that is there stays as it is.

    A server that starts on the copy has all conversations and documents, and your access keys if it has
    access.secret of the data folder too.
    """
    _require_new(file)
    run(_backup(read_configuration(config, data), file))


async def _backup(loaded: Loaded, file: Path) -> None:
    import asyncio

    from mdsa_server.store.data_folder import DATABASE_FILE
    from mdsa_server.store.soundness import faults_of

    folder = loaded.settings.data_folder
    with _beside(file) as copy:
        if not (folder / DATABASE_FILE).exists():
            raise Refused(f"There is no database in {folder}", mend="Name the data folder: --data DIR.")
        async with connect(loaded) as client, client.stream("GET", "/api/backup") as response:
            if not response.is_success:
                await response.aread()
            raise_for_problem(response)
            await _written(copy, response.aiter_bytes())
        if faults := await asyncio.to_thread(faults_of, copy, whole=True):
            raise Refused(
                "The copy is damaged, and was thrown away",
                detail="\n".join(faults[:5]),
                mend="mdsa doctor says how the database itself is.",
            )
        _take_name(copy, file)
    click.echo(f"{file} has all that is kept, and is sound.")
    secret = folder / "access.secret"
    click.secho(f"Access keys need {secret} too: keep it elsewhere than the copy.", dim=True, err=True)


async def _written(copy: Path, pieces: AsyncIterator[bytes]) -> None:
    try:
        with copy.open("wb") as to:
            async for piece in pieces:
                to.write(piece)
            to.flush()
            # A copy that a power cut takes away was none.
            os.fsync(to.fileno())
    except OSError as error:
        raise _unwritable(copy, error) from error


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Give a file to write to in the same folder, which its owner alone may read and which does not stay."""
    try:
        descriptor, name = tempfile.mkstemp(".part", f".{file.name}-", file.absolute().parent)
    except OSError as error:
        raise _unwritable(file, error) from error
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _take_name(copy: Path, file: Path) -> None:
    """Give the copy its name, unless a file has come to bear it meanwhile."""
    try:
        # A second name cannot take a file's place, where renaming can.
        os.link(copy, file)
    except FileExistsError:
        _require_new(file)
        raise
    except OSError:
        # Not every file system knows second names.
        _require_new(file)
        os.replace(copy, file)


def _require_new(file: Path) -> None:
    if file.exists():
        raise Refused(f"{file} is there already", mend="Name another file, or move that one away.")


def _unwritable(file: Path, error: OSError) -> Refused:
    return Refused(f"{file.parent} cannot be written to", detail=f"{error.strerror}.", mend="Name another file.")
