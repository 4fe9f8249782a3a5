"""What the machine has: Python, SQLite, plugins, the engine and its models, what embeds, what reads documents."""

import platform
import sys
from collections.abc import Mapping

from mdsa_server.configuration.load import Loaded
from mdsa_server.configuration.machine import examine, origin_of
from mdsa_server.configuration.opening import GIGABYTE, opened_engine
from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.embedder import Embedder
from mdsa_server.inference.embedding_model import find_model
from mdsa_server.knowledge.reading_process import NotStarted, ReadingProcess
from mdsa_server.store.soundness import sqlite_versions
from mdsa_server.vocabulary.checkup import Check, fault, ok, warning
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.models import full_name

OLDEST_PYTHON = (3, 11)
MODEL_KEYS = ("model", "models", "default_model")


def python() -> list[Check]:
    """Look at the interpreter."""
    found = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return [fault("Python", found, f"Install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer.")]
    return [ok("Python", found)]


def sqlite() -> list[Check]:
    """Look at SQLite and what is added to it. Raises StoreUnusable where that cannot be loaded."""
    return [ok(name, version) for name, version in sqlite_versions().items()]


async def configuration(loaded: Loaded, environ: Mapping[str, str]) -> list[Check]:
    """Make the checks of `mdsa check`: domains, plugins, engine, models, memory."""
    findings = await examine(loaded, environ)
    checks = [ok("configuration", origin_of(loaded))]
    checks += [ok(subject, words) for subject, words in findings.fine.items()]
    checks += [_of_warning(one) for one in findings.warnings]
    checks += [fault("configuration", _words(one), one.mend) for one in findings.faults]
    return checks


async def embedder(loaded: Loaded, environ: Mapping[str, str]) -> list[Check]:
    """Embed a sentence, as the server does; what would first have to be fetched is not."""
    settings = loaded.settings.embedding
    if settings.provider == "ollama":
        async with opened_engine(loaded.settings, environ.get("OLLAMA_HOST")) as engine:
            engine.check()
            names = {full_name(model.name) for model in await engine.client.installed()}
        if full_name(settings.model) in names:
            return [ok("embedding model", f"{settings.model}, by the engine")]
        mend = f"Fetch it: mdsa models pull {settings.model}"
        return [fault("embedding model", f"the engine does not have {settings.model}", mend)]
    try:
        find_model(settings.model, offline=True)
    except EmbedderUnavailable as error:
        if settings.offline:
            raise
        return [warning("embedding model", f"{error.detail}; it is fetched when first needed", error.mend)]
    # Without a folder for copies: one would be made there.
    model = Embedder(settings.model, offline=True, threads=settings.threads, cache=None)
    try:
        vectors = await model.embed(["How often is the pump oiled?"])
    finally:
        await model.close()
    return [ok("embedding model", f"{settings.model} loads, {vectors.shape[1]} dimensions")]


async def reading(loaded: Loaded) -> list[Check]:
    """Start a process that reads documents, and end it."""
    memory = int(loaded.settings.knowledge.reading_memory_gb * GIGABYTE)
    try:
        process = await ReadingProcess.start(memory)
    except NotStarted as error:
        mend = "Raise [knowledge] reading_memory_gb; see that other programs leave memory and processes free."
        return [fault("reading documents", f"the process that reads them does not start: {error}", mend)]
    await process.end()
    return [ok("reading documents", "the process that reads them starts")]


def _of_warning(found: Fault) -> Check:
    """Say what a warning means for a server at work: without an engine, or a domain's model, nobody is answered."""
    parts = found.key.split(".")
    match parts:
        case ["engine", *_]:
            return fault("engine", _words(found), found.mend)
        case ["domains", name, *_] if parts[-1] in MODEL_KEYS:
            return fault(f"model of {name}", _words(found), found.mend)
    what = "plugins" if "quarantine" in found.what else "configuration"
    return warning(what, _words(found), found.mend)


def _words(found: Fault) -> str:
    key = f"{found.key}: " if found.key else ""
    return f"{found.place}: {key}{found.what}"
