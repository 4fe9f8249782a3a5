"""A domain as its page shows it: beside what is configured, what there is of its models, collections and tools."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from mdsa_server.errors import EngineError
from mdsa_server.vocabulary.corrections import Correction
from mdsa_server.vocabulary.documents import Collection
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.models import full_name
from mdsa_server.vocabulary.tools import named
from mdsa_server.web.rooms import Rooms

# A page does not wait for an engine that is slow to tell what it has.
ENGINE_SECONDS = 2.0

ModelState = Literal["there", "missing", "not known"]


class ModelView(Struct, frozen=True, kw_only=True):
    name: str
    state: ModelState


class ExampleView(Struct, frozen=True, kw_only=True):
    text: str
    intent: str | None
    corrected: bool
    """Whether an accepted correction taught it."""


class DomainView(Struct, frozen=True, kw_only=True):
    """One domain, and what there is of what it names."""

    domain: Domain
    is_fallback: bool
    models: tuple[ModelView, ...]
    """Those that may answer, the preferred one first; the default model where it names none."""
    names_models: bool
    examples: tuple[ExampleView, ...]
    """What people corrected first: it stands nowhere else."""
    corrected: int
    collections: tuple[Collection, ...]
    tools: tuple[str, ...]
    """On offer now."""
    absent: tuple[str, ...]
    """Tools, or patterns of them, for which nothing is on offer now."""


async def domain_views(rooms: Rooms) -> list[DomainView]:
    """Look at all domains. Raises StoreUnusable."""
    team = rooms.live_turns.desk.team
    installed = await _installed(rooms)
    offered = sorted(tool.name for tool in await rooms.registry.tools())
    accepted = await rooms.teaching.corrections.find("accepted")
    collections = {one.name: one for one in await rooms.library.documents.collections()}
    default = rooms.engine.default_model_name
    return [
        DomainView(
            domain=domain,
            is_fallback=domain.name == team.fallback,
            models=tuple(
                ModelView(name=model, state=_state(model, installed))
                for model in domain.models or ((default,) if default else ())
            ),
            names_models=bool(domain.models),
            examples=(examples := _examples(domain, accepted)),
            corrected=sum(example.corrected for example in examples),
            collections=_collections(domain, collections),
            tools=tuple(name for name in offered if named(name, domain.tools)),
            absent=tuple(tool for tool in domain.tools if not any(named(name, (tool,)) for name in offered)),
        )
        for domain in team.domains.values()
    ]


async def _installed(rooms: Rooms) -> set[str] | None:
    """Give the names of the engine's models; None where it does not tell."""
    try:
        rooms.engine.check()
        async with asyncio.timeout(ENGINE_SECONDS):
            return {full_name(model.name) for model in await rooms.engine.client.installed()}
    except (EngineError, TimeoutError):
        return None


def _state(model: str, installed: set[str] | None) -> ModelState:
    if installed is None:
        return "not known"
    return "there" if full_name(model) in installed else "missing"


def _examples(domain: Domain, accepted: Sequence[Correction]) -> tuple[ExampleView, ...]:
    taught = {correction.message for correction in accepted if correction.domain == domain.name}
    views = [
        ExampleView(text=example.text, intent=example.intent, corrected=example.text in taught)
        for example in domain.examples
    ]
    return tuple(sorted(views, key=lambda view: not view.corrected))


def _collections(domain: Domain, known: Mapping[str, Collection]) -> tuple[Collection, ...]:
    return tuple(known.get(name, Collection(name=name, documents=0, passages=0)) for name in domain.collections)
