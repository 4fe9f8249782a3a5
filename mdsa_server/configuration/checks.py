"""What is wrong with valid settings once models, tools and memory are known; pure functions.

Each gives what it finds at the place where it was written, with what to do about it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from mdsa_server.configuration.faults import closest
from mdsa_server.configuration.lines import KeyPath
from mdsa_server.configuration.places import Place, Places
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.model_options import OPTIONS, RUNNER_OPTIONS
from mdsa_server.vocabulary.models import InstalledModel, full_name
from mdsa_server.vocabulary.toml_text import toml

ANYWHERE = Places(Place("mdsa.toml"))
GIGABYTE = 1_000_000_000
# OLLAMA_MAX_LOADED_MODELS where nobody has set it.
OLLAMA_MODELS = 3


def unoffered_routers(
    settings: Settings, offered: Collection[str], held_back: Collection[str] = (), places: Places = ANYWHERE
) -> list[Fault]:
    """Find the configured routers that no plugin offers; a plugin that is held back may be the one that would."""
    return [
        places.fault(
            ("routing", "routers"),
            f"no plugin offers a router named {toml(router)}",
            meant_or_held_back(router, offered, held_back, "mdsa plugins lists the routers on offer."),
        )
        for router in settings.routing.routers
        if router not in offered
    ]


def unoffered_reranker(
    settings: Settings, offered: Collection[str], held_back: Collection[str] = (), places: Places = ANYWHERE
) -> list[Fault]:
    """Find the configured reranker if no plugin offers it; a plugin that is held back may be the one that would."""
    reranker = settings.knowledge.reranker
    if not reranker or reranker in offered:
        return []
    mend = meant_or_held_back(reranker, offered, held_back, "mdsa plugins lists the rerankers on offer.")
    return [places.fault(("knowledge", "reranker"), f"no plugin offers a reranker named {toml(reranker)}", mend)]


def names_of_no_plugin(settings: Settings, plugins: Collection[str], places: Places = ANYWHERE) -> list[Fault]:
    """Find what is said about plugins that are not there."""
    spoken_of = [(("plugins", name), name) for name in settings.plugins]
    spoken_of += [(("plugin_host", "disabled"), name) for name in settings.plugin_host.disabled]
    return [
        places.fault(
            path,
            f"no plugin is named {toml(name)}",
            _meant(name, plugins, "mdsa plugins lists the plugins that were found."),
        )
        for path, name in spoken_of
        if name not in plugins
    ]


def unknown_options(settings: Settings, places: Places = ANYWHERE) -> list[Fault]:
    """Find options that no Ollama knows: it passes over them, with a word in its log alone."""
    return [
        places.fault(
            ("domains", domain.name, "options", option),
            "Ollama knows no such option, and passes over it",
            _meant(option, OPTIONS, "Take it out, or write it as Ollama's documentation does."),
        )
        for domain in settings.domains_as_vocabulary()
        for option in domain.options
        if option not in OPTIONS
    ]


def missing_models(settings: Settings, installed: Collection[InstalledModel], places: Places = ANYWHERE) -> list[Fault]:
    """Find the models that are named and that the engine does not have."""
    known = {full_name(model.name) for model in installed}
    named: list[tuple[KeyPath, str]] = [
        (("domains", name, "models" if domain.models else "model"), model)
        for name, domain in settings.domains.items()
        for model in domain.models or (domain.model,)
        if model
    ]
    if settings.engine.default_model != "auto":
        named.append((("engine", "default_model"), settings.engine.default_model))
    named += [(("residency", "pinned"), model) for model in settings.residency.pinned]
    named += [(("residency", "preload"), model) for model in settings.residency.preload]
    return [
        places.fault(path, f"the engine does not have {toml(model)}", f"Fetch it: mdsa models pull {model}")
        for path, model in named
        if full_name(model) not in known
    ]


def reloaded_models(
    settings: Settings, default_model: str | None, installed: Collection[InstalledModel], places: Places = ANYWHERE
) -> list[Fault]:
    """Find domains that share a model's weights and want them loaded in different ways."""
    sharing: dict[str, list[Domain]] = {}
    for domain in settings.domains_as_vocabulary():
        for weights in _weights_of(domain, default_model, installed):
            sharing.setdefault(weights, []).append(domain)
    return [
        _reloaded(domains, option, places)
        for domains in sharing.values()
        for option in RUNNER_OPTIONS
        if len({toml(domain.options.get(option)) for domain in domains}) > 1
    ]


def crowded_memory(
    settings: Settings,
    default_model: str | None,
    installed: Collection[InstalledModel],
    memory: int,
    places: Places = ANYWHERE,
) -> list[Fault]:
    """Find out whether all domains' models fit into `memory` bytes together, by their size on disk."""
    needed = resident_bytes(settings, default_model, installed)
    if needed <= memory:
        return []
    return [
        places.fault(
            ("domains",),
            f"their models cannot be resident together: the weights alone take an estimated "
            f"{in_gigabytes(needed)}, and this machine has {in_gigabytes(memory)} of memory",
            "Let domains share a model, or take smaller ones; else each change of domain waits for a model to load.",
        )
    ]


def resident_bytes(settings: Settings, default_model: str | None, installed: Collection[InstalledModel]) -> int:
    """Add up the sizes on disk of the weights that the domains prefer, each counted once."""
    sizes = {model.digest: model.size for model in installed}
    used = [_weights_of(domain, default_model, installed)[:1] for domain in settings.domains_as_vocabulary()]
    return sum(sizes.get(weights, 0) for weights in {weights for preferred in used for weights in preferred})


def crowded_places(settings: Settings, kind: str, places: Places = ANYWHERE) -> list[Fault]:
    """Find limits that contradict each other, or that `kind` of engine would not keep."""
    residency = settings.residency
    faults = []
    ahead = {full_name(model) for model in (*residency.pinned, *residency.preload)}
    if len(ahead) > residency.max_models:
        what = f"with what is pinned, {len(ahead)} models are to be loaded, and {residency.max_models} may be in memory"
        mend = "Preload fewer, or raise max_models: else they push each other out."
        faults.append(places.fault(("residency", "preload"), what, mend))
    if kind == "ollama" and residency.max_models > OLLAMA_MODELS:
        what = f"is more than the {OLLAMA_MODELS} that Ollama keeps without a GPU, or for each, unless told otherwise"
        mend = f"Start Ollama with OLLAMA_MAX_LOADED_MODELS={residency.max_models}, or lower it."
        faults.append(places.fault(("residency", "max_models"), what, mend))
    return faults


def too_large(
    settings: Settings, default_model: str | None, installed: Collection[InstalledModel], places: Places = ANYWHERE
) -> list[Fault]:
    """Find the models in use that alone take more than `max_memory_gb`."""
    residency = settings.residency
    limit = residency.max_memory_gb * GIGABYTE
    named = [model for domain in settings.domains_as_vocabulary() for model in domain.models]
    named += [*residency.pinned, *residency.preload, default_model or ""]
    known = {full_name(model) for model in named}
    return [
        places.fault(
            ("residency", "max_memory_gb"),
            f"{model.name} alone takes {in_gigabytes(model.size)}, so nothing else stays in memory beside it",
            "Raise max_memory_gb, or take a smaller model.",
        )
        for model in installed
        if limit and model.size > limit and full_name(model.name) in known
    ]


def duplicate_examples(settings: Settings, places: Places = ANYWHERE) -> list[Fault]:
    """Find examples that stand in two domains, whatever their case and spacing."""
    return [
        places.fault(
            ("domains", domain, "examples"),
            f"{toml(example)} is also an example of domain {first}, so it speaks for neither",
            "Leave it in the domain that should answer it.",
        )
        for domain, first, example in _repeated(settings)
    ]


def meant_or_held_back(name: str, offered: Collection[str], held_back: Collection[str], otherwise: str) -> str:
    """Say what to do about a name that nothing offers; a plugin that is held back may be the one that would."""
    if not held_back:
        return _meant(name, offered, otherwise)
    plugins = f"{', '.join(held_back)} may offer it, and {'is' if len(held_back) == 1 else 'are'} out of use"
    meant = _meant(name, offered, "")
    return f"{plugins}: mdsa plugins says why.{' Else: ' if meant else ''}{meant}"


def in_gigabytes(size: int) -> str:
    return f"{size / GIGABYTE:.1f} GB"


def _repeated(settings: Settings) -> Iterator[tuple[str, str, str]]:
    first_in: dict[str, str] = {}
    for domain in settings.domains_as_vocabulary():
        for example in domain.examples:
            first = first_in.setdefault(" ".join(example.text.casefold().split()), domain.name)
            if first != domain.name:
                yield domain.name, first, example.text


def _weights_of(domain: Domain, default_model: str | None, installed: Collection[InstalledModel]) -> list[str]:
    """Name what a domain's models load, the preferred one's first: names over the same weights share them in memory."""
    digests: Mapping[str, str] = {full_name(model.name): model.digest for model in installed}
    models = domain.models or ((default_model,) if default_model else ())
    return [digests.get(full_name(model), full_name(model)) for model in models]


def _reloaded(domains: Sequence[Domain], option: str, places: Places) -> Fault:
    asked = {domain.name: toml(domain.options[option]) if option in domain.options else "not set" for domain in domains}
    setter = next(domain for domain in domains if option in domain.options)
    return places.fault(
        ("domains", setter.name, "options", option),
        f"domains on one model differ in {option} "
        f"({', '.join(f'{name}: {value}' for name, value in asked.items())}), "
        "so the engine loads it anew whenever a turn passes between them",
        f"Give these domains the same {option}, or none.",
    )


def _meant(name: str, known: Collection[str], otherwise: str) -> str:
    meant = closest(name, known)
    return f"Did you mean {meant}?" if meant else otherwise
