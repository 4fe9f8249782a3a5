"""What a model's name means: its weights, which names may share, and what it can do."""

from msgspec.structs import replace

from mdsa_server.errors import EngineRefused, UnknownModel
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.models import InstalledModel, ModelDetails, full_name


class ModelWeights:
    """Asks the engine once for each model, and again when `forget` was called or a name is not known."""

    def __init__(self) -> None:
        self._installed: dict[str, InstalledModel] = {}
        self._by_digest: dict[str, ModelDetails] = {}

    def known(self, model: str) -> ModelDetails | None:
        """Tell what a model can do, if that was asked before."""
        installed = self._installed.get(full_name(model))
        return self._by_digest.get(installed.digest) if installed else None

    def size(self, model: str) -> int:
        """Give a model's size on disk, in bytes; 0 before its weights were asked for."""
        installed = self._installed.get(full_name(model))
        return installed.size if installed else 0

    async def of(self, client: OllamaClient, model: str) -> str:
        """Name a model's weights. Raises EngineError, UnknownModel."""
        return (await self.details(client, model)).weights

    async def details(self, client: OllamaClient, model: str) -> ModelDetails:
        """Tell what a model can do; its weights have a name in any case. Raises EngineError, UnknownModel."""
        if full_name(model) not in self._installed:
            self._installed = {full_name(installed.name): installed for installed in await client.installed()}
        installed = self._installed.get(full_name(model))
        if installed is None:
            raise UnknownModel(f"The engine has no model {model!r}.", f"Fetch it: mdsa models pull {model}")
        if installed.digest not in self._by_digest:
            details = await _details(client, model)
            # The digest is of the model as it is named, template and all; its description names the weights' file.
            self._by_digest[installed.digest] = replace(details, weights=details.weights or installed.digest)
        return self._by_digest[installed.digest]

    def forget(self) -> None:
        """Ask anew: the engine, or its models, have changed."""
        self._installed.clear()


async def _details(client: OllamaClient, model: str) -> ModelDetails:
    """Ask for a model's details; hardly any where the engine does not say. Raises EngineError, UnknownModel."""
    try:
        return await client.show(model)
    except EngineRefused:
        # A damaged one, perhaps nobody's concern here: it must not keep all others from being known.
        return ModelDetails(name=model)
