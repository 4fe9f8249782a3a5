"""Models and engines, as seen from outside the engine."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

ModelPhase = Literal["ready", "loading", "leaving"]
EngineKind = Literal["ollama", "embedded", "none"]


class EngineStatus(Struct, frozen=True, kw_only=True):
    """What serves the models now, or why nothing does and how to mend it."""

    kind: EngineKind
    url: str | None = None
    version: str | None = None
    problem: str | None = None
    mend: str | None = None


class InstalledModel(Struct, frozen=True, kw_only=True):
    """A model on the engine's disk."""

    name: str
    digest: str
    size: int
    """Bytes on disk."""
    family: str = ""
    parameter_size: str = ""
    quantization: str = ""


class ResidentModel(Struct, frozen=True, kw_only=True):
    """A model in the engine's memory."""

    name: str
    digest: str
    size: int
    """Bytes in memory, all devices together."""
    size_vram: int = 0
    """Bytes of them on a GPU."""
    context_length: int | None = None
    """Tokens; None where the engine is too old to say."""
    expires: datetime | None = None


class ModelDetails(Struct, frozen=True, kw_only=True):
    """What a model can do, by its own description."""

    name: str
    family: str = ""
    context_length: int | None = None
    """The longest context the model was made for, in tokens."""
    parameters: int | None = None
    """How many weights it has; None where the engine does not tell."""
    weights: str = ""
    """Names the file that holds the weights; empty where the engine does not tell."""
    capabilities: tuple[str, ...] = ()
    """`completion`, `tools`, `thinking`, `embedding`, ... as the engine names them."""


class ModelUse(Struct, frozen=True, kw_only=True):
    """How a model is used, as far as this server knows since it started."""

    in_use: int
    """Turns that it answers now."""
    waiting: int
    """Turns that wait for it."""
    idle_seconds: float | None
    """Since it was last used; None where it never was, or is not in memory."""
    pinned: bool
    loads: int
    load_seconds: float
    """Lost to loading it, all loads together."""
    expected_load_seconds: float
    """What its next load will take."""
    phase: ModelPhase | None = None
    """Whether it is there, or on its way in or out; None where it is not in memory."""


class WaitingTurns(Struct, frozen=True, kw_only=True):
    """The turns that stand in line for one model."""

    model: str
    turns: int
    seconds: float
    """Since the first of them came."""


def full_name(model: str) -> str:
    """Give a model's name with its tag, which is `latest` where none is written."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"
