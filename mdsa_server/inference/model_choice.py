"""Which model answers for a domain that names none."""

from collections.abc import AsyncIterator, Iterable, Sequence

import structlog

from mdsa_server.errors import EngineDied, EngineRefused, UnknownModel
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.models import InstalledModel, ModelDetails, ResidentModel

log = structlog.get_logger(__name__)

EMBEDDING_FAMILIES = frozenset({"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2"})


async def choose_default_model(client: OllamaClient) -> str | None:
    """Choose a chat model of the engine's: a resident one, else an installed one; None where there is none.

    Raises EngineUnreachable, EngineBusy.
    """
    async for name in able_to_chat(client, by_preference(await client.resident(), await client.installed())):
        return name
    return None


async def able_to_chat(client: OllamaClient, names: Iterable[str]) -> AsyncIterator[str]:
    """Give those of the named models that one can talk to; one that the engine cannot describe is passed over."""
    for name in names:
        try:
            details = await client.show(name)
        except (EngineRefused, EngineDied, UnknownModel) as error:
            log.warning("model passed over", model=name, reason=error.detail)
            continue
        if can_chat(details):
            yield name


def can_chat(details: ModelDetails) -> bool:
    """Whether a model is one to talk to. Servers before 0.6.4 name no capabilities: there the family decides."""
    if details.capabilities:
        return "completion" in details.capabilities
    return details.family not in EMBEDDING_FAMILIES


def by_preference(resident: Sequence[ResidentModel], installed: Sequence[InstalledModel]) -> list[str]:
    """Order models: resident ones, latest to expire first, since they cost no load; then the others as installed."""
    warm = sorted(resident, key=lambda model: model.expires.timestamp() if model.expires else 0.0, reverse=True)
    return list(dict.fromkeys([model.name for model in warm] + [model.name for model in installed]))
