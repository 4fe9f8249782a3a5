"""What only a running machine can tell of a configuration: plugins, engine, models, memory."""

import asyncio
from collections.abc import Collection, Mapping

import psutil

from mdsa_server.configuration import checks, document_checks
from mdsa_server.configuration.load import Loaded
from mdsa_server.configuration.offers import NO_SERVICES, misfits
from mdsa_server.configuration.opening import opened_engine, opened_plugins
from mdsa_server.errors import ConfigurationInvalid, EmbedderUnavailable, EngineError, UnknownModel
from mdsa_server.inference.embedding_model import find_model, most_tokens
from mdsa_server.inference.engine import Engine
from mdsa_server.plugin_host.registry import PluginRegistry
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.findings import Findings
from mdsa_server.vocabulary.models import InstalledModel

LATER = "The engine, its models, and what rests on the faulty keys are checked once these are mended."
# A page waits for it. A model that is being loaded does not keep the engine from telling what it has.
ENGINE_SECONDS = 20.0


def origin_of(loaded: Loaded) -> str:
    """Say which configuration was read."""
    return str(loaded.path or "built in, for there is no mdsa.toml here")


async def examine(loaded: Loaded, environ: Mapping[str, str]) -> Findings:
    """Look at all that valid settings rest on. Starts the embedded engine if the server would."""
    findings = Findings()
    _examine_domains(loaded, findings)
    async with opened_plugins(loaded.settings, NO_SERVICES, routers=()) as registry:
        await _examine_plugins(loaded, registry, findings)
    _examine_embedding(loaded, findings)
    try:
        async with opened_engine(loaded.settings, environ.get("OLLAMA_HOST")) as engine:
            await _examine_engine(loaded, engine, findings)
    except ConfigurationInvalid as error:
        findings.faults += error.faults
    return findings


async def examine_running(loaded: Loaded, registry: PluginRegistry, engine: Engine) -> Findings:
    """Look at the same with the plugins and the engine of a running server: others would disturb those."""
    findings = Findings()
    # In threads: folders may be on a disk that went away.
    await asyncio.to_thread(_examine_domains, loaded, findings)
    await _examine_plugins(loaded, registry, findings)
    await asyncio.to_thread(_examine_embedding, loaded, findings)
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            await _examine_engine(loaded, engine, findings)
    except TimeoutError:
        findings.later = f"The engine has not told of its models within {ENGINE_SECONDS:g} s: check again in a while."
    return findings


def _examine_domains(loaded: Loaded, findings: Findings) -> None:
    names = list(loaded.settings.domains)
    findings.note("domains", f"{len(names)}: {', '.join(names)}")
    _examine_examples(loaded, findings)
    findings.warnings += checks.unknown_options(loaded.settings, loaded.places)
    findings.warnings += document_checks.missing_folders(loaded.settings, loaded.places)
    findings.warnings += document_checks.nothing_to_say(loaded.settings, loaded.places)


def _examine_examples(loaded: Loaded, findings: Findings) -> None:
    count = sum(len(domain.examples) for domain in loaded.settings.domains_as_vocabulary())
    repeated = checks.duplicate_examples(loaded.settings, loaded.places)
    findings.note("examples", f"{count}, none of them in two domains", repeated)


# --- plugins


async def _examine_plugins(loaded: Loaded, registry: PluginRegistry, findings: Findings) -> None:
    plugins = registry.status()
    faults, warnings = await misfits(loaded, registry)
    refused = {unfit.path[1] for unfit in registry.unfit_settings}
    quarantined = [plugin for plugin in plugins if plugin.state == "quarantined" and plugin.name not in refused]
    findings.faults += faults
    findings.warnings += warnings
    findings.warnings += [
        Fault(
            file=plugin.location,
            key=plugin.name,
            what=f"this plugin is in quarantine: {plugin.reason}",
            mend="mdsa plugins tells more; [plugin_host] disabled leaves the plugin out.",
        )
        for plugin in quarantined
    ]
    active = [plugin.name for plugin in plugins if plugin.state == "active"]
    findings.note("plugins", ", ".join(active) or "none")


# --- the embedding model


def _examine_embedding(loaded: Loaded, findings: Findings) -> None:
    embedding = loaded.settings.embedding
    if embedding.provider == "ollama":
        findings.note("embedding", f"{embedding.model}, by the engine")
        return
    try:
        folder = find_model(embedding.model, offline=True)
        found = str(folder)
        findings.warnings += document_checks.unread_passages(loaded.settings, most_tokens(folder), loaded.places)
    except EmbedderUnavailable as error:
        if embedding.offline:
            findings.warnings.append(loaded.places.fault(("embedding", "model"), error.detail.rstrip("."), error.mend))
            return
        found = f"{embedding.model}, fetched when first needed"
    findings.note("embedding", found)


# --- the engine and its models


async def _examine_engine(loaded: Loaded, engine: Engine, findings: Findings) -> None:
    places = loaded.places
    status = engine.status
    if status.problem:
        findings.warnings.append(places.fault(("engine", "url"), status.problem.rstrip("."), status.mend or ""))
        # Names alone tell whether domains share a model; only its other names and its size are the engine's to tell.
        _note_options(loaded, loaded.settings.engine.default_model, (), findings)
        return
    name, remark = ("embedded", "; its model is very small") if status.kind == "embedded" else ("Ollama", "")
    findings.note("engine", f"{name} {status.version} at {status.url}{remark}")
    try:
        await _examine_models(loaded, engine, findings)
    except (EngineError, UnknownModel) as error:
        findings.warnings.append(places.fault(("engine",), error.detail.rstrip("."), error.mend))


async def _examine_models(loaded: Loaded, engine: Engine, findings: Findings) -> None:
    settings, places = loaded.settings, loaded.places
    installed = await engine.client.installed()
    missing = checks.missing_models(settings, installed, places)
    findings.note("models", f"{len(installed)} installed, no other is asked for", missing)
    default_model = None
    if any(domain.model is None for domain in settings.domains.values()):
        default_model = await engine.default_model()
        findings.note("default model", default_model)
    _note_options(loaded, default_model, installed, findings)
    residency = settings.residency
    kept = f"at most {residency.max_models} models in memory"
    kept += f"; pinned: {', '.join(residency.pinned)}" if residency.pinned else ""
    kept += f"; preloaded: {', '.join(residency.preload)}" if residency.preload else ""
    crowded = checks.crowded_places(settings, engine.status.kind, places)
    findings.note("residency", kept, crowded + checks.too_large(settings, default_model, installed, places))
    memory = psutil.virtual_memory().total
    needed = checks.resident_bytes(settings, default_model, installed)
    findings.note(
        "memory",
        f"the domains' models take an estimated {checks.in_gigabytes(needed)} of {checks.in_gigabytes(memory)}",
        checks.crowded_memory(settings, default_model, installed, memory, places),
    )


def _note_options(
    loaded: Loaded, default_model: str | None, installed: Collection[InstalledModel], findings: Findings
) -> None:
    reloaded = checks.reloaded_models(loaded.settings, default_model, installed, loaded.places)
    findings.note("options", "no two domains make the engine load one model anew", reloaded)
