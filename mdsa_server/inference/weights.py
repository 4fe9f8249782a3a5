"""Which weights a model's name means: names over the same weights share one place in the engine's memory."""

from mdsa_server.errors import EngineRefused, UnknownModel
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.models import InstalledModel, full_name


class ModelWeights:
    """Asks the engine once for each model, and again when `forget` was called or a name is not known."""

    def __init__(self) -> None:
        self._installed: dict[str, InstalledModel] = {}
        self._by_digest: dict[str, str] = {}

    def known(self, model: str) -> str | None:
        """Give a model's weights, if they were asked for before."""
        installed = self._installed.get(full_name(model))
        return self._by_digest.get(installed.digest) if installed else None

    def size(self, model: str) -> int:
        """Give a model's size on disk, in bytes; 0 before its weights were asked for."""
        installed = self._installed.get(full_name(model))
        return installed.size if installed else 0

    async def of(self, client: OllamaClient, model: str) -> str:
        """Name a model's weights. Raises EngineError, UnknownModel."""
        if full_name(model) not in self._installed:
            self._installed = {full_name(installed.name): installed for installed in await client.installed()}
        installed = self._installed.get(full_name(model))
        if installed is None:
            raise UnknownModel(f"The engine has no model {model!r}.", f"Fetch it: mdsa models pull {model}")
        if installed.digest not in self._by_digest:
            # The digest is of the model as it is named, template and all; its description names the weights' file.
            self._by_digest[installed.digest] = await _weights(client, model) or installed.digest
        return self._by_digest[installed.digest]

    def forget(self) -> None:
        """Ask anew: the engine, or its models, have changed."""
        self._installed.clear()


async def _weights(client: OllamaClient, model: str) -> str:
    """Ask for a model's weights; empty where the engine does not say. Raises EngineError, UnknownModel."""
    try:
        return (await client.show(model)).weights
    except EngineRefused:
        return ""  # A damaged one, perhaps nobody's concern here: it must not keep all others from being known.
