"""Every error this server raises, one tree; no HTTP here.

An error says what is wrong (`detail`), where, and how to mend it (`mend`). Its class names the kind:
`title` is the kind in words, `code` the same for programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from mdsa_server.vocabulary.fault import Fault
    from mdsa_server.vocabulary.problem import Problem


class MdsaError(Exception):
    """The root. Catch it where any failure of ours has the same consequence."""

    title: ClassVar[str] = "Something went wrong"
    retry_after: int | None = None
    """Seconds after which it may be over by itself; None where waiting alone mends nothing."""

    def __init__(self, detail: str, mend: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.mend = mend

    @property
    def code(self) -> str:
        return code_of(type(self))

    @property
    def problem(self) -> Problem:
        """What it says, as data."""
        # Here, because commands that need none of it must start at once.
        from mdsa_server.vocabulary.problem import Problem

        return Problem(
            code=self.code, title=self.title, detail=self.detail, mend=self.mend, retry_after=self.retry_after
        )


def code_of(kind: type[MdsaError]) -> str:
    """The stable name of a kind of error: `EngineUnreachable` is `engine-unreachable`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()


# --- what a caller sent


class InvalidRequest(MdsaError):
    """The request cannot be understood; nothing was done. Send it again, mended."""

    title = "The request is not valid"


class MessageTooLong(MdsaError):
    """The message alone is more than the server or the model's context takes. Send less of it."""

    title = "The message is too long"


class ConversationFull(MdsaError):
    """The conversation has as many turns as one may have. Begin a new one."""

    title = "The conversation is full"


class TooManyTurns(MdsaError):
    """As many turns run for this caller as may at a time. Send the message again once one has ended."""

    title = "Too many turns run"
    retry_after = 5


class UnknownDomain(MdsaError):
    """A domain was asked for that `mdsa.toml` does not declare."""

    title = "There is no such domain"


class UnknownConversation(MdsaError):
    """No conversation has this id, or it belongs to someone else."""

    title = "There is no such conversation"


class UnknownTurn(MdsaError):
    """No turn has this id, or it belongs to someone else."""

    title = "There is no such turn"


class UnknownDocument(MdsaError):
    """No document has this id. List them with `mdsa documents list`."""

    title = "There is no such document"


class UnknownCollection(MdsaError):
    """Nothing is kept in a collection of this name, and no domain names it."""

    title = "There is no such collection"


class DocumentUnreadable(MdsaError):
    """A file cannot be taken in: it is damaged, too large, of an unknown kind, or not there."""

    title = "A document cannot be read"


class UploadTooLarge(MdsaError):
    """The files that were sent are too many, or together too large, to be taken at once. Send fewer."""

    title = "The files are too much at once"


class UnknownIngestion(MdsaError):
    """There is no such ingestion, or it ended long ago."""

    title = "There is no such ingestion"


class TooManyIngestions(MdsaError):
    """As many ingestions are under way as may. Try again once some of them have ended."""

    title = "Too many ingestions wait"
    retry_after = 30


class UnknownAccessKey(MdsaError):
    """No access key has this id. List them with `mdsa keys list`."""

    title = "There is no such access key"


class UnknownCorrection(MdsaError):
    """No correction has this id; it may have gone with its conversation."""

    title = "There is no such correction"


class LearningWorsened(MdsaError):
    """A correction would make the routers worse at what they know; it stays pending, and they forget it again."""

    title = "The routers would become worse"


class UnknownTool(MdsaError):
    """No plugin offers a tool of this name now. `mdsa tools` lists those on offer."""

    title = "There is no such tool"


class ArgumentsUnfit(MdsaError):
    """The arguments do not fit the tool's parameters; it was not called."""

    title = "The tool was not called"


class ToolDenied(MdsaError):
    """`[tools] approval` in `mdsa.toml` lets nobody call the tool; it was not called."""

    title = "The tool may not be called"


class UnknownPlugin(MdsaError):
    """No plugin of this name was found when the server started."""

    title = "There is no such plugin"


class PluginNotLoaded(MdsaError):
    """A plugin that was not loaded when the server started cannot be enabled; the next start loads it."""

    title = "The plugin is not loaded"


class UnknownModel(MdsaError):
    """The engine does not have the model; `mdsa models pull NAME` fetches it."""

    title = "The engine does not have this model"


class ForeignOrigin(MdsaError):
    """Another site's page, or a foreign Host header, asked for something; it was refused unread."""

    title = "This request comes from another site"


class KeyNeeded(MdsaError):
    """The server asks who calls: with an access key, or from a browser that signed in with one."""

    title = "An access key is needed"


class KeyRefused(KeyNeeded):
    """The access key that was shown opens nothing: it is not known, was revoked, or has expired."""

    title = "The access key is not valid"


class TooManyRequests(MdsaError):
    """A caller asks for more, or tries more access keys, than one may in a minute, or follows too much at once.

    Nothing was done; wait a while.
    """

    title = "Too many requests"

    def __init__(self, detail: str, mend: str = "", *, wait: float) -> None:
        """`wait`: the seconds until there is room again."""
        super().__init__(detail, mend)
        self.retry_after = ceil(wait)


class ScopeMissing(MdsaError):
    """The caller is not allowed to do this."""

    title = "Not allowed"


# --- the engine


class EngineError(MdsaError):
    """The root of what can go wrong with the engine; the turn fails, the server goes on."""

    title = "The engine failed"


class NoEngine(EngineError):
    """No engine was found, so no model can answer. Start one: the server notices by itself."""

    title = "No engine is running"
    retry_after = 2


class EngineUnreachable(EngineError):
    """The engine was there and does not answer now."""

    title = "The engine does not answer"
    retry_after = 2


class EngineBusy(EngineError):
    """The engine's own line is full. Try again in a moment."""

    title = "The engine is busy"
    retry_after = 2


class LineFull(MdsaError):
    """As many turns wait for the model as may. Try again once some of them were answered."""

    title = "Too many turns wait for this model"
    retry_after = 5


class NoRoom(MdsaError):
    """The model can never be brought into memory, because pinned ones take all the places."""

    title = "There is no room for this model"
    retry_after = 2


class NotAsking(MdsaError):
    """A turn was answered that asks nothing, or not any more. Read it to see how it goes on."""

    title = "The turn asks nothing"


class ModelInUse(MdsaError):
    """A model is not unloaded while turns use it. Try again when they have ended."""

    title = "The model is in use"


class EngineRefused(EngineError):
    """The engine did not accept the request: an option, a format, a capability the model lacks."""

    title = "The engine refused the request"


class PromptTooLong(EngineRefused):
    """The engine was told not to cut the prompt, and it is longer than the context. A shorter one is made, once."""

    title = "The prompt is longer than the model's context"
    tokens: int | None = None  # How long it is, where the engine says so.


class EngineDied(EngineError):
    """The engine went away, or sent nonsense, in the middle of an answer; what had come is kept."""

    title = "The engine stopped in the middle of an answer"


class ModelTimeout(MdsaError):
    """A model that a plugin asked had not answered when the time was up: it waited, was loaded, or still wrote."""

    title = "The model did not answer in time"


# --- what the server rests on


class ConfigurationInvalid(MdsaError):
    """`mdsa.toml` or the environment has faults; they are listed together, and the server does not start."""

    title = "The configuration has faults"

    def __init__(self, detail: str, mend: str = "", faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail, mend)
        self.faults = tuple(faults)


class DataFolderInUse(MdsaError):
    """Another server holds the data folder; two would spoil each other's work."""

    title = "Another server uses this data folder"
    retry_after = 2


class StoreUnusable(MdsaError):
    """The database cannot be opened, read or written: damaged, from a newer version, read-only, disk full."""

    title = "The database cannot be used"


class StoreFull(StoreUnusable):
    """The disk that holds the database has no room left. Messages are answered, and saved once there is some."""

    title = "The disk is full"
    retry_after = 2


class StoreLocked(StoreUnusable):
    """Another program keeps the database from being written to. Messages are saved once it has let go."""

    title = "Another program holds the database"
    retry_after = 2


class StoreReadOnly(StoreUnusable):
    """The database may be read and not written to: its permissions, or how its disk is mounted."""

    title = "The database cannot be written to"


class StoreDamaged(StoreUnusable):
    """Pages of the database are not what they were written as. Nothing more is written; a backup takes its place."""

    title = "The database is damaged"


class EmbedderUnavailable(MdsaError):
    """The embedding model cannot be loaded; routers that need it sit out."""

    title = "The embedding model is not available"
    retry_after = 2


class PluginFault(MdsaError):
    """A plugin broke its contract or its settings are wrong; the plugin is quarantined, the server goes on."""

    title = "A plugin failed"


class ToolRefused(MdsaError):
    """A tool cannot do what it was asked: the model is told, and may ask better. No fault of the plugin."""

    title = "The tool cannot do this"


class ServerClosing(MdsaError):
    """The server is shutting down and takes no new turns."""

    title = "The server is shutting down"
    retry_after = 2


class ServerStopped(MdsaError):
    """The server ended while a turn ran; the message was kept, and what had come of the answer."""

    title = "The server stopped during this turn"
    retry_after = 2
