"""The engine in use: found when the server starts, found again when it comes later, and what it serves by default."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from mdsa_server.errors import EngineError, EngineUnreachable, NoEngine, UnknownModel
from mdsa_server.inference.model_choice import choose_default_model
from mdsa_server.inference.ollama import OllamaClient
from mdsa_server.vocabulary.models import EngineKind, EngineStatus

log = structlog.get_logger(__name__)

RETRY_SECONDS = 2.0
WATCH_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class EnginePlace:
    """Somewhere an engine may be. `url` may have to start it first, and raises EngineError where it cannot."""

    kind: EngineKind
    url: Callable[[], Awaitable[str]]


class Engine:
    """Looks for an engine in `places`, in order, and keeps to the first that answers.

    `default_model` is the configured name, or `auto`: a resident, else an installed chat model.
    """

    def __init__(
        self,
        places: Sequence[EnginePlace],
        *,
        absent: EngineStatus,
        default_model: str,
        connect_timeout: float,
        stall_timeout: float,
    ) -> None:
        self._places = places
        self._absent = absent
        self._configured_model = default_model
        self._auto_model: str | None = None
        self._connect_timeout = connect_timeout
        self._stall_timeout = stall_timeout
        self._clients: dict[str, OllamaClient] = {}
        """One for each address that was ever tried, which goes on every few seconds."""
        self._client: OllamaClient | None = None
        self._place: EnginePlace | None = None
        self.status = absent

    @property
    def client(self) -> OllamaClient:
        """The client of the engine in use. Raises NoEngine, which says what is missing."""
        if self._client is None:
            raise NoEngine(self.status.problem or "No engine was found.", self.status.mend or "")
        return self._client

    @property
    def default_model_name(self) -> str | None:
        """The model of domains that name none, as far as it is known; None before an engine was found."""
        return self._auto_model if self._configured_model == "auto" else self._configured_model

    async def default_model(self) -> str:
        """The same, chosen now if need be. Raises NoEngine, EngineError or UnknownModel."""
        client = self.client
        if self.default_model_name is None:
            self._auto_model = await choose_default_model(client)
            log.info("default model chosen", model=self._auto_model)
        if self.default_model_name is None:
            raise UnknownModel("The engine has no chat model.", "Fetch one, for example: mdsa models pull llama3.2:1b")
        return self.default_model_name

    def forget_default_model(self) -> None:
        """Choose again when next asked: the engine's models have changed."""
        self._auto_model = None

    def check(self) -> None:
        """Raise NoEngine or EngineUnreachable where a turn would fail for want of an engine, as last seen."""
        if self.status.problem:
            kind = NoEngine if self._client is None else EngineUnreachable
            raise kind(self.status.problem, self.status.mend or "")

    async def find(self) -> EngineStatus:
        """Go through the places once, unless an engine is in use and answers."""
        if self._place is not None and self._client is not None:
            await self._check(self._place, self._client)
            return self.status
        for place in self._places:
            if await self._try(place):
                break
        return self.status

    async def watch(self) -> None:
        """Look for an engine while there is none, and see now and then whether the one in use answers."""
        while True:
            await asyncio.sleep(RETRY_SECONDS if self.status.problem else WATCH_SECONDS)
            await self.find()

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()

    async def _try(self, place: EnginePlace) -> bool:
        try:
            url = await place.url()
            client = self._client_at(url.rstrip("/"))
            version = await client.version()
        except EngineError as error:
            log.debug("no engine here", kind=place.kind, reason=error.detail)
            return False
        self._client, self._place = client, place
        self.status = EngineStatus(kind=place.kind, url=client.address, version=version)
        log.info("engine found", kind=place.kind, url=client.address, version=version)
        try:
            await self.default_model()
        except EngineError as error:
            log.warning("default model not chosen", reason=error.detail, mend=error.mend)
        except UnknownModel as error:
            log.warning("no default model", reason=error.detail, mend=error.mend)
        return True

    def _client_at(self, url: str) -> OllamaClient:
        if url not in self._clients:
            self._clients[url] = OllamaClient(
                url, connect_timeout=self._connect_timeout, stall_timeout=self._stall_timeout
            )
        return self._clients[url]

    async def _check(self, place: EnginePlace, client: OllamaClient) -> None:
        """See whether the engine in use answers. If not, its status says so, and it is kept: it may come back.

        The stand-in comes back at another address; then it is taken as if it were new.
        """
        before = self.status
        try:
            self.status = EngineStatus(kind=place.kind, url=client.address, version=await client.version())
        except EngineError as error:
            self.status = replace(before, problem=error.detail, mend=error.mend)
            if await _address(place) not in (client.url, None) and await self._try(place):
                await self._clients.pop(client.url).close()
        if bool(self.status.problem) != bool(before.problem):
            log.info("engine changed", problem=self.status.problem)


async def _address(place: EnginePlace) -> str | None:
    try:
        return await place.url()
    except EngineError as error:
        log.warning("engine not started", kind=place.kind, reason=error.detail)
        return None
