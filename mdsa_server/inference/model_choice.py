"""Which model answers for a domain that names none."""

from collections.abc import Sequence

from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.models import InstalledModel, ModelDetails, ResidentModel

EMBEDDING_FAMILIES = frozenset({"bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2"})


async def choose_default_model(client: OllamaClient) -> str | None:
    """Choose a chat model of the engine's: a resident one, else an installed one; None where there is none.

    Raises EngineError.
    """
    for name in by_preference(await client.resident(), await client.installed()):
        if can_chat(await client.show(name)):
            return name
    return None


def can_chat(details: ModelDetails) -> bool:
    """Whether a model is one to talk to. Servers before 0.6.4 name no capabilities: there the family decides."""
    if details.capabilities:
        return "completion" in details.capabilities
    return details.family not in EMBEDDING_FAMILIES


def by_preference(resident: Sequence[ResidentModel], installed: Sequence[InstalledModel]) -> list[str]:
    """Order models: resident ones, latest to expire first, since they cost no load; then the others as installed."""
    warm = sorted(resident, key=lambda model: model.expires.timestamp() if model.expires else 0.0, reverse=True)
    return list(dict.fromkeys([model.name for model in warm] + [model.name for model in installed]))
