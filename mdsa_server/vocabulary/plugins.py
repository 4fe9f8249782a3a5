"""Plugins as they are shown: what was found, what each offers, what went wrong."""

from datetime import datetime
from typing import Any, Literal

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
    traceback: str = ""
    """Where in the code it was, without what was raised said, which may hold a message. Told to admins alone."""


class PluginSetting(Struct, frozen=True, kw_only=True):
    """One key of a plugin's `[plugins.NAME]` table, secrets hidden."""

    name: str
    value: Any
    default: Any = None
    """What it is where nobody writes it; None where it must be written."""
    is_default: bool = True


class PluginStatus(Struct, frozen=True, kw_only=True):
    """One plugin as it is now."""

    name: str
    version: str
    source: PluginSource
    location: str
    state: PluginState
    reason: str = ""
    """Why it is not in use; empty where the configuration disables it."""
    until_restart: bool = False
    """Whether it was disabled while the server ran, which lasts until that starts again."""
    loaded: bool = True
    """Whether it has joined, so that it can be enabled while the server runs."""
    offers: tuple[Offer, ...] = ()
    faults: tuple[PluginFaultRecord, ...] = ()
    settings: tuple[PluginSetting, ...] = ()
    """In force since the server started; none where it takes none, or was not loaded."""

    @property
    def held_back(self) -> bool:
        """Whether it is out of use although the configuration lets it be used."""
        return self.state == "quarantined" or self.until_restart
