"""What routers, retrievers and tool sources must be, and what the server gives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import Domain, ModelOptions
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.routing import Opinion, Prediction, Route

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from structlog.typing import FilteringBoundLogger

    Vectors = NDArray[np.float32]


class Embed(Protocol):
    """Turns texts into vectors."""

    async def __call__(self, texts: Sequence[str], *, cached: bool = False) -> Vectors:
        """Give unit vectors, float32, shape (texts, dimensions). Raises EmbedderUnavailable.

        `cached` is for texts that will come again, such as examples: their vectors are kept. A few texts that are
        not may come from a faster copy of the model, with vectors near those that the model gives, and not equal.
        """


class AskModel(Protocol):
    """Asks one of the engine's models something."""

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        schema: Mapping[str, Any] | None = None,
        options: ModelOptions | None = None,
        max_tokens: int = 256,
        timeout: float = 10.0,  # noqa: ASYNC109  # the plugin's limit, and the error that tells of it, are the point
    ) -> str:
        """Give the model's whole answer; it does not think aloud before it.

        `model` is the engine's name for it; None takes the default model. `schema` is a JSON schema that the engine
        holds the answer to, and then the temperature is 0; engines pass over it with some models, so check what
        comes. `options` are more of the engine's, by Ollama's names; the model is asked as it is loaded, and one of
        another `num_ctx` is loaded anew. `max_tokens` cuts the answer, a constrained one too. `timeout` is in seconds
        and counts from the call: waiting for the model and loading it are part of it. A load that takes longer goes on.

        Raises ModelTimeout; NoEngine or another EngineError; UnknownModel, LineFull, NoRoom; PluginFault for no
        messages, no tokens or no time.
        """


class SearchPassages(Protocol):
    """Searches the server's own documents."""

    async def __call__(
        self,
        message: str,
        *,
        collections: Sequence[str] | None = None,
        vector: Callable[[], Awaitable[Vectors]] | None = None,
        most: int = 8,
    ) -> Sequence[Passage]:
        """Give up to `most` passages found by words and by meaning, the best first, with their scores by stage.

        `collections` are those to search, all where it is None. `vector` gives the message's unit vector where there
        is one already. Raises EmbedderUnavailable, StoreUnusable.
        """


class Cache(Protocol):
    """Keeps what a plugin would have to work out again; a few entries, the newest. What it lacks must be made anew."""

    async def get(self, key: str) -> bytes | None:
        """Give what was put under a key, perhaps by a server before this one; None where there is nothing."""

    async def put(self, key: str, value: bytes) -> None:
        """Keep a value, of at most 64 MB; what was put longest ago goes."""


@dataclass(frozen=True)
class Services:
    """What the server does for plugins."""

    embed: Embed
    ask_model: AskModel
    search_passages: SearchPassages
    cache_of: Callable[[str], Cache]
    """The cache of the plugin with this name."""


@dataclass(frozen=True, kw_only=True)
class PluginContext:
    """What one plugin may use of the server. Each plugin gets its own."""

    name: str
    """The plugin's name: its file's, and its table's `[plugins.NAME]`."""
    settings: Any
    """The struct of `plugin_settings`, filled from `[plugins.NAME]`; None where the plugin names no struct."""
    domains: tuple[Domain, ...]
    """The domains when the plugin was loaded. A router is told of later ones through `fit`."""
    embed: Embed
    ask_model: AskModel
    search_passages: SearchPassages
    cache: Cache
    logger: FilteringBoundLogger
    opened: Any = None
    """What `plugin_lifespan` opened, once it is open: the value of its `yield`."""


@dataclass(frozen=True, kw_only=True)
class RouteQuery:
    """A message to be routed, with what came before it."""

    message: str
    history: tuple[Message, ...] = ()
    """Earlier messages of the conversation, oldest first."""
    previous_domain: str | None = None
    """The domain of the turn before this one."""
    vector: Callable[[], Awaitable[Vectors]] = field(repr=False)
    """The message's unit vector, shape (dimensions,): embedded when first asked for, once a turn."""


@runtime_checkable
class Router(Protocol):
    """Says which domain a message belongs to."""

    name: str
    """As `[routing] routers` lists it."""

    async def fit(self, domains: Sequence[Domain]) -> None:
        """Learn the domains. Called before the first message and whenever they change."""

    async def route(self, query: RouteQuery) -> Opinion:
        """Give candidates with confidences from 0 to 1, and evidence; no candidates where it has no view."""


@runtime_checkable
class MeasuredRouter(Router, Protocol):
    """A router that knows how often it is right, so that the server can tell from which confidence on to believe it."""

    predictions: Sequence[Prediction]
    """What it said, when it last learnt, of examples that it had not learnt from; replaced as a whole."""


@dataclass(frozen=True, kw_only=True)
class RetrieverQuery:
    """A routed message for which passages are wanted."""

    message: str
    route: Route
    domain: Domain
    vector: Callable[[], Awaitable[Vectors]] = field(repr=False)
    """As in RouteQuery: the same vector, not embedded again."""


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for a message."""

    name: str

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        """Give passages, best first; none where there is nothing relevant."""


@runtime_checkable
class Reranker(Protocol):
    """Judges passages that a search found, reading each together with the message."""

    name: str
    """As `[knowledge] reranker` names it."""

    async def rerank(self, message: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Give a score for each passage, in their order: the greater, the better it fits the message."""


@runtime_checkable
class ToolSource(Protocol):
    """Offers tools that may change while the server runs. A `Tool` is a source of one."""

    async def tools(self) -> Sequence[Tool]:
        """Give the tools on offer now; asked whenever tools are listed."""


@runtime_checkable
class WithholdingToolSource(ToolSource, Protocol):
    """A source that knows of tools which it cannot offer now, because what does their work is down."""

    withheld: Mapping[str, str]
    """By the tools' names, or patterns of them (`mcp.files.*`), why they are missing, in a sentence."""
