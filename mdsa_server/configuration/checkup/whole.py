"""All checks in a row: each is made whatever became of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from mdsa_server.configuration.checkup import data_folder, exposure, machine, server
from mdsa_server.configuration.load import Reading, read
from mdsa_server.errors import ConfigurationInvalid, MdsaError
from mdsa_server.vocabulary.checkup import Check, fault, warning
from mdsa_server.vocabulary.fault import Fault

REPORT = "Report it with these words: a check should not fail itself."


async def checkup(config: Path | None, data: Path | None, environ: Mapping[str, str], cwd: Path) -> list[Check]:
    """Look at everything. What a check itself stumbles over is a fault it tells; nothing is raised.

    `data` is the data folder, whole, where it is not the configured one.
    """
    checks = [
        *await checked("Python", _threaded(machine.python)),
        *await checked("SQLite", _threaded(machine.sqlite)),
    ]
    overrides = {"store.path": str(data) if data else None}
    try:
        reading = await asyncio.to_thread(read, config, environ, cwd, overrides)
    except ConfigurationInvalid as error:
        reading = Reading(None, error.faults)
    except Exception as error:
        # Whatever broke it, the rest is still to be looked at.
        reading = Reading(None)
        checks.append(stumbled("configuration", error))
    checks += [_of_fault(one) for one in reading.faults]
    loaded = reading.loaded
    if loaded:
        checks += await checked("configuration", partial(machine.configuration, loaded, environ))
        checks += await checked("embedding model", partial(machine.embedder, loaded, environ))
        checks += await checked("reading documents", partial(machine.reading, loaded))
    folder = loaded.settings.data_folder if loaded else data
    if folder:
        checks += await _of_folder(folder)
    else:
        mend = "Mend the configuration first, or name the folder: --data DIR."
        checks.append(warning("data folder", "not looked at, for the configuration does not say which it is", mend))
    if loaded:
        checks += await checked("exposure", _threaded(partial(exposure.listening, loaded)))
    return checks


async def _of_folder(folder: Path) -> list[Check]:
    checks: list[Check] = []
    for what, look in (
        ("data folder", data_folder.folder),
        ("free space", data_folder.free_space),
        ("database", data_folder.database),
        ("access.secret", exposure.secret),
    ):
        checks += await checked(what, _threaded(partial(look, folder)))
    return checks + await checked("server", partial(server.running, folder))


async def checked(what: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    """Make a check; where it breaks, that is what it found."""
    try:
        return await look()
    except MdsaError as error:
        return [fault(what, error.detail, error.mend)]
    except Exception as error:
        # A doctor that falls ill helps nobody.
        return [stumbled(what, error)]


def stumbled(what: str, error: Exception) -> Check:
    """Tell what a check itself stumbled over."""
    return fault(what, f"could not be looked at ({type(error).__name__}: {error})", REPORT)


def _threaded(look: Callable[[], list[Check]]) -> Callable[[], Awaitable[list[Check]]]:
    return partial(asyncio.to_thread, look)


def _of_fault(found: Fault) -> Check:
    key = f"{found.key}: " if found.key else ""
    return fault("configuration", f"{found.place}: {key}{found.what}", found.mend)
