"""What a turn works with: the domains of the moment, routers and retrievers, the model keeper, the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from mdsa_server.chat.token_rates import TokenRates
from mdsa_server.chat.tool_way import ToolRecords
from mdsa_server.errors import UnknownDomain
from mdsa_server.inference.model_keeper import ModelKeeper
from mdsa_server.plugin_api.contracts import Embed, Retriever, Router
from mdsa_server.plugin_api.tool_schema import Tool
from mdsa_server.routing.thresholds import threshold_for
from mdsa_server.store.conversations import Conversations
from mdsa_server.vocabulary.domain import Domain, ModelOptions
from mdsa_server.vocabulary.routing import OnTie, Prediction
from mdsa_server.vocabulary.stopwatch import stopwatch
from mdsa_server.vocabulary.tools import ToolPolicy

if TYPE_CHECKING:
    from mdsa_server.plugin_api.contracts import Vectors

T = TypeVar("T")


class Offers(Protocol):
    """What plugins offer, each call of it guarded: bounded in time, its faults counted against its plugin."""

    @property
    def routers(self) -> Sequence[Router]: ...

    @property
    def retrievers(self) -> Sequence[Retriever]: ...

    async def tools(self) -> Sequence[Tool]:
        """Give the tools on offer now."""

    async def call(self, offered: object, work: Callable[[], Awaitable[T]], *, timeout: float | None = None) -> T:  # noqa: ASYNC109  # see PluginRegistry
        """Run one call of an offered object. Raises PluginFault, whatever went wrong inside."""


@dataclass(frozen=True, kw_only=True)
class Team:
    """The domains, and how one is chosen: what `mdsa.toml` says and `mdsa reload` changes."""

    domains: Mapping[str, Domain]
    routers: tuple[str, ...]
    """The routers to ask, in order."""
    fallback: str
    """The domain that answers when nobody is sure."""
    min_confidence: float
    """What is asked of routers that cannot tell how often they are right, 0 to 1."""
    target_precision: float
    """How often those that can should be right in what they choose, 0 to 1."""
    on_tie: OnTie
    router_timeout: float
    """Seconds that a router may take to decide, once it has learnt the domains."""
    tools: ToolPolicy = field(default_factory=ToolPolicy)

    def domain(self, name: str) -> Domain:
        """Raises UnknownDomain."""
        if name not in self.domains:
            raise UnknownDomain(f"no domain is named {name!r}", f"Name one of: {', '.join(self.domains)}.")
        return self.domains[name]

    def only(self, names: Collection[str]) -> Team:
        """Give the team of those of its domains that are named; all of them where none is. Raises UnknownDomain.

        Where the fallback is not among them, the first one is.
        """
        if not names:
            return self
        left = {name: domain for name, domain in self.domains.items() if name in names}
        if not left:
            raise UnknownDomain(
                f"the access key is for {', '.join(sorted(names))}, and there is no such domain any more",
                "Make a key for domains that there are: mdsa keys create NAME --domain DOMAIN.",
            )
        return replace(self, domains=left, fallback=self.fallback if self.fallback in left else next(iter(left)))


def options_of(model: str, domains: Iterable[Domain], default_model: str | None = None) -> ModelOptions:
    """Give the options with which the first domain that `model` answers for has it loaded; none where it does for none.

    `default_model` is the model of domains that name none, where those count.
    """
    return next((domain.options for domain in domains if model in (domain.models or (default_model,))), {})


@dataclass(kw_only=True)
class RoutingDesk:
    """What routing needs of a desk: whom to ask, and how sure each must be."""

    offers: Offers
    _thresholds: dict[str, tuple[Sequence[Prediction] | None, float, float | None]] = field(
        default_factory=dict, repr=False
    )
    """By router: from what, and for which target, its threshold was found."""

    def threshold(self, router: Router, target: float) -> float | None:
        """Give the confidence from which on a router is right in `target` of all cases; None where it cannot tell."""
        # Not isinstance with MeasuredRouter: for each message that would take as long as a router's own work.
        predictions: Sequence[Prediction] = getattr(router, "predictions", ())
        known, known_target, threshold = self._thresholds.get(router.name, (None, 0.0, None))
        if known is not predictions or known_target != target:
            threshold = threshold_for(predictions, target)
            self._thresholds[router.name] = predictions, target, threshold
        return threshold


@dataclass(kw_only=True)
class Desk(RoutingDesk):
    """One for the server. `team` is replaced as a whole between turns; a turn keeps the one it began with."""

    team: Team
    keeper: ModelKeeper
    conversations: Conversations
    embed: Embed
    token_rates: TokenRates = field(default_factory=TokenRates)
    tool_records: ToolRecords = field(default_factory=ToolRecords)


@dataclass(kw_only=True)
class SharedVector:
    """One message's vector: made when first asked for, for all who ask."""

    text: str
    embed: Embed = field(repr=False)
    seconds: float = field(default=0.0, repr=False)
    """How long it took, once it is there."""
    _made: asyncio.Task[Vectors] | None = field(default=None, repr=False)

    @property
    def awaited(self) -> bool:
        """Whether it was asked for and is not there yet."""
        return self._made is not None and not self._made.done()

    def close(self) -> None:
        """Have it made no more."""
        if self._made is not None:
            self._made.cancel()

    async def __call__(self) -> Vectors:
        if self._made is None:
            self._made = asyncio.ensure_future(self._make())
        # Shielded: one asker that gives up must not take the vector from the others.
        vectors = await asyncio.shield(self._made)
        vector: Vectors = vectors[0]
        return vector

    async def _make(self) -> Vectors:
        seconds = stopwatch()
        vectors = await self.embed([self.text])
        self.seconds = seconds()
        return vectors
