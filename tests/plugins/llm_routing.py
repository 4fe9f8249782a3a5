"""The router that asks a model, before a scripted engine."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mdsa_server.inference.asking import ModelAsker
from mdsa_server.plugin_api import Domain, Example, Message, Opinion, RouteQuery
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.fakes.script import ScriptedModel, Step
from tests.inference.keeping import A, B, Kept, kept
from tests.plugins.first_party import never_embed, opened

GENERAL = Domain(
    name="general", description="Everyday questions", examples=(Example("Tell me a joke"), Example("What is rain?"))
)
CODE = Domain(
    name="code", description="Programs", examples=tuple(Example(f"Write a program {number}") for number in range(9))
)
DOMAINS = (GENERAL, CODE)


@dataclass
class Routing:
    """The router, and the engine whose model it asks."""

    registry: PluginRegistry
    kept: Kept

    @property
    def model(self) -> ScriptedModel:
        return self.kept.engine.models[A]

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [body for body in self.kept.engine.asked("/api/chat") if body["messages"]]

    async def route(self, message: str = "hello", history: Sequence[Message] = ()) -> Opinion:
        return await route_with(self.registry, message, history)

    async def is_idle(self, model: str = A) -> bool:
        use = (await self.kept.keeper.uses([model]))[model]
        return (use.in_use, use.waiting) == (0, 0)


async def route_with(registry: PluginRegistry, message: str = "hello", history: Sequence[Message] = ()) -> Opinion:
    (router,) = registry.routers
    query = RouteQuery(message=message, history=tuple(history), vector=lambda: never_embed([message]))
    return await registry.call(router, lambda: router.route(query))


@asynccontextmanager
async def routing(
    *, domains: Sequence[Domain] = DOMAINS, max_models: int = 2, max_line: int = 9, **settings: Any
) -> AsyncIterator[Routing]:
    """The router with a model that says `code`."""
    async with kept(A, B, max_models=max_models, max_line=max_line) as it:
        it.engine.models[A].says = says("code")
        ask = ModelAsker(it.keeper, lambda model: {})
        async with opened("llm_router", domains=domains, ask_model=ask, settings={"model": A} | settings) as registry:
            yield Routing(registry, it)


def says(domain: str) -> list[Step]:
    return ['{"domain": ', f'"{domain}"', "}"]


def note(opinion: Opinion) -> str:
    """Give the one note of a router that has no view."""
    assert opinion.candidates == ()
    (evidence,) = opinion.evidence
    assert evidence.kind == "note"
    return evidence.text
