"""Routers, retrievers and rerankers as the server holds them: checked when they are offered, and when they answer."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
import structlog

from mdsa_server.errors import EmbedderUnavailable, PluginFault
from mdsa_server.plugin_api.contracts import (
    Embed,
    MeasuredRouter,
    Reranker,
    Retriever,
    RetrieverQuery,
    RouteQuery,
    Router,
    ToolSource,
)
from mdsa_server.plugin_host.member import Member, blameless, in_words, listed
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.plugins import OfferKind
from mdsa_server.vocabulary.routing import Candidate, Evidence, Opinion, Prediction

if TYPE_CHECKING:
    from mdsa_server.plugin_api.contracts import Vectors

log = structlog.get_logger(__name__)

T = TypeVar("T")

# More than any set of examples; what is longer has an endless loop behind it.
MOST_PREDICTIONS = 1_000_000

NAME = re.compile(r"[A-Za-z0-9_.-]+")

METHODS: dict[OfferKind, tuple[str, ...]] = {
    "router": ("fit", "route"),
    "retriever": ("retrieve",),
    "reranker": ("rerank",),
    "tool": ("tools",),
}
"""What an object must have to be used as one of these."""


class HostedRouter:
    """A plugin's router. It learns the domains in the background; calls wait until it has, the first time."""

    def __init__(self, router: Router, member: Member, *, embed: Embed, fit_timeout: float) -> None:
        self.name = router.name
        self._embed = embed
        self._fit_timeout = fit_timeout
        self.member = member
        self._router = router
        self._fitting = asyncio.Lock()
        self._first_fit: asyncio.Task[None] | None = None
        self._unavailable: EmbedderUnavailable | None = None
        self.predictions: tuple[Prediction, ...] = ()

    @property
    def begun(self) -> bool:
        return self._first_fit is not None

    def begin(self, domains: Sequence[Domain], strangers: Sequence[str] = ()) -> None:
        """Start the first fit. Where it fails the plugin is quarantined, unless only the embedder is missing."""
        self._first_fit = asyncio.create_task(self._fit_first(domains, strangers), name=f"fit {self.name}")

    async def ready(self, patience: float | None = None) -> None:
        """Wait until the first fit is over, at most `patience` seconds.

        Raises EmbedderUnavailable where that kept it from learning, PluginFault where it still learns.
        """
        # Asked before every message: once it has learnt, that costs nothing.
        if self._first_fit is not None and not self._first_fit.done():
            # Not cancelled when the time is up: a message that waits no longer must not end the fit for all others.
            _, learning = await asyncio.wait([self._first_fit], timeout=patience)
            if learning:
                raise PluginFault(f"it still learns the domains after {patience:g} s", "Ask again in a while.")
        if self._unavailable is not None:
            raise EmbedderUnavailable(self._unavailable.detail, self._unavailable.mend)

    async def fit(self, domains: Sequence[Domain], strangers: Sequence[str] = ()) -> None:
        """Learn the domains; one fit at a time, in the order in which they were asked for.

        `strangers` are messages that belong to none. They are not taught: a router that measures itself is tried on
        them, and whatever it says is among its predictions, as wrong.

        Raises PluginFault where that takes too long, and whatever the router raises.
        """
        async with self._fitting:
            try:
                async with asyncio.timeout(self._fit_timeout) as limit:
                    await self._router.fit(domains)
                    if predictions := _predictions_of(self._router):
                        predictions += await self._tried_on(strangers)
                self.predictions = predictions
            except TimeoutError as error:
                if limit.expired():
                    raise PluginFault(f"did not learn the domains within {self._fit_timeout:g} s") from error
                raise
            self._unavailable = None

    async def end(self) -> None:
        """Learn no more: the server stops."""
        if self._first_fit is not None:
            self._first_fit.cancel()
            await asyncio.gather(self._first_fit, return_exceptions=True)

    async def route(self, query: RouteQuery) -> Opinion:
        """Ask the router. Raises PluginFault where what it gives is no opinion."""
        opinion = await self._router.route(query)
        if not isinstance(opinion, Opinion):
            raise PluginFault(f"route gave {_kind(opinion)}, not an Opinion")
        candidates = tuple(_checked("route", candidate, Candidate) for candidate in listed(opinion.candidates))
        for candidate in candidates:
            # Asked this way round, what is not a number is refused too.
            if not 0.0 <= candidate.confidence <= 1.0:
                raise PluginFault(f"route gave {candidate!r}; a Candidate has a confidence from 0 to 1")
        if opinion.out_of_scope is not None and not 0.0 <= opinion.out_of_scope <= 1.0:
            raise PluginFault(f"route gave out_of_scope={opinion.out_of_scope!r}; it is a number from 0 to 1, or None")
        # A cosine may be a trifle beyond its bounds.
        if opinion.likeness is not None and not -1.01 <= opinion.likeness <= 1.01:
            raise PluginFault(f"route gave likeness={opinion.likeness!r}; it is a cosine from -1 to 1, or None")
        return Opinion(
            candidates,
            tuple(_checked("route", seen, Evidence) for seen in listed(opinion.evidence)),
            None if opinion.out_of_scope is None else float(opinion.out_of_scope),
            None if opinion.likeness is None else float(opinion.likeness),
        )

    async def _tried_on(self, strangers: Sequence[str]) -> tuple[Prediction, ...]:
        predictions = []
        for message in strangers:

            async def vector(message: str = message) -> Vectors:
                vectors = await self._embed([message], cached=True)
                made: Vectors = vectors[0]
                return made

            opinion = await self.route(RouteQuery(message=message, vector=vector))
            surest = max((candidate.confidence for candidate in opinion.candidates), default=0.0)
            predictions.append(Prediction(surest, right=False, message=message, in_scope=False))
        return tuple(predictions)

    async def _fit_first(self, domains: Sequence[Domain], strangers: Sequence[str]) -> None:
        try:
            await self.fit(domains, strangers)
        except EmbedderUnavailable as error:
            self._unavailable = error
            log.warning("router sits out", router=self.name, problem=error.detail, mend=error.mend)
        except BaseException as error:
            # Whatever a plugin's code raises, it alone is out.
            if blameless(error):
                raise
            self.member.quarantine(f"fit of {self.name}", in_words(error), error)


class HostedRetriever:
    """A plugin's retriever."""

    def __init__(self, retriever: Retriever, member: Member) -> None:
        self.name = retriever.name
        self.member = member
        self._retriever = retriever

    async def retrieve(self, query: RetrieverQuery) -> Sequence[Passage]:
        """Ask the retriever. Raises PluginFault where what it gives are no passages."""
        given = listed(await self._retriever.retrieve(query))
        return tuple(_checked("retrieve", passage, Passage) for passage in given)


class HostedReranker:
    """A plugin's reranker."""

    def __init__(self, reranker: Reranker, member: Member) -> None:
        self.name = reranker.name
        self.member = member
        self._reranker = reranker

    async def rerank(self, message: str, passages: Sequence[Passage]) -> Sequence[float]:
        """Ask the reranker. Raises PluginFault where what it gives is no number for each passage."""
        scores = [
            float(_checked("rerank", score, float)) for score in listed(await self._reranker.rerank(message, passages))
        ]
        if len(scores) != len(passages) or not np.isfinite(scores).all():
            raise PluginFault(
                f"rerank gave {len(scores)} scores for {len(passages)} passages, or one that is no number"
            )
        return scores


def misfit(kind: OfferKind, offered: object) -> str | None:
    """Say why `offered` cannot be used as a `kind`, naming it; None where it can."""
    if isinstance(offered, type):
        return f"{offered.__name__} is a class; offer an object of it: {offered.__name__}()"
    if kind == "tool" and isinstance(offered, FunctionType):
        return f"{offered.__name__} is a function; offer Tool({offered.__name__})"
    name: object = getattr(offered, "name", None)
    what = name if isinstance(name, str) and name else _kind(offered)
    for method in METHODS[kind]:
        if not callable(getattr(offered, method, None)):
            return f"{what} is no {kind}: it has no method {method}"
        if not _is_async(getattr(offered, method)):
            return f"{what} is no {kind}: its method {method} is not async"
    if kind != "tool" and what is not name:
        return f"{what} is no {kind}: it has no name"
    if kind != "tool" and not NAME.fullmatch(what):
        return f"the name {what!r} cannot be written in a header; use A to Z, a to z, 0 to 9, _, . and -"
    return None


def withheld_by(source: ToolSource, member: Member) -> dict[str, str]:
    """Give what a source of tools cannot offer now, by name or pattern, and why; nothing where it knows of none."""
    try:
        return msgspec.convert(dict(getattr(source, "withheld", {})), dict[str, str])
    except Exception as error:
        # It may be a property, and so run any code of the plugin's; without its reasons there is only less to tell.
        member.refuse("withheld", in_words(error))
        return {}


def _predictions_of(router: Router) -> tuple[Prediction, ...]:
    """Give what a router measured of itself; nothing where it measures nothing. Raises PluginFault."""
    if not isinstance(router, MeasuredRouter):
        return ()
    # As many as there are examples: a conversion of each, as of what comes once a turn, would take a while.
    given = listed(router.predictions, most=MOST_PREDICTIONS)
    for prediction in given:
        if not isinstance(prediction, Prediction) or not 0.0 <= prediction.confidence <= 1.0:
            raise PluginFault(f"predictions hold {prediction!r}; a Prediction has a confidence from 0 to 1")
    return given


def _checked(method: str, given: object, kind: type[T]) -> T:
    """Give what a plugin gave, with plain values in it: numbers of numpy's become Python's. Raises PluginFault."""
    if not isinstance(given, kind):
        raise PluginFault(f"{method} gave {_kind(given)}, not a {kind.__name__}")
    try:
        return msgspec.convert(msgspec.to_builtins(given, enc_hook=_plain), kind)
    except (msgspec.ValidationError, TypeError) as error:
        raise PluginFault(f"{method} gave a {kind.__name__} with a wrong value: {error}") from error


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{_kind(value)} is neither a text nor a number")


def _is_async(method: Callable[..., object]) -> bool:
    # Decorators hide what they wrap, and say so; objects that can be called may give anything.
    return inspect.iscoroutinefunction(inspect.unwrap(method)) or not isinstance(method, FunctionType | MethodType)


def _kind(value: object) -> str:
    return f"a {type(value).__name__}" if value is not None else "nothing"
