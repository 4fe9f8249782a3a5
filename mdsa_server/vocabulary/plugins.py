"""Plugins as they are shown: what was found, what each offers, what went wrong."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

PluginSource = Literal["bundled", "directory", "package"]
PluginState = Literal["active", "quarantined", "disabled"]
OfferKind = Literal["router", "retriever", "reranker", "tool"]


class Offer(Struct, frozen=True):
    """Something a plugin offers, by the name it is known under."""

    kind: OfferKind
    name: str


class PluginFaultRecord(Struct, frozen=True, kw_only=True):
    """One time a plugin failed."""

    hook: str
    """The hook, or the offered object's name, that failed."""
    reason: str
    at: datetime


class PluginStatus(Struct, frozen=True, kw_only=True):
    """One plugin as it is now."""

    name: str
    version: str
    source: PluginSource
    location: str
    state: PluginState
    reason: str = ""
    """Why it is quarantined."""
    offers: tuple[Offer, ...] = ()
    faults: tuple[PluginFaultRecord, ...] = ()
