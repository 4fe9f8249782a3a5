"""A domain: one specialty the server can answer for."""

from typing import Literal

from msgspec import Struct, field

ModelOptions = dict[str, float | int | str | bool | list[str]]
"""Options of an engine's runner and sampler by Ollama's names (`num_ctx`, `temperature`, ...)."""

Think = bool | Literal["low", "medium", "high"]
"""Whether, or how hard, a model that can think is asked to, before it answers."""


class Domain(Struct, frozen=True, kw_only=True):
    """One `[domains.NAME]` table of `mdsa.toml`."""

    name: str
    description: str
    examples: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """Models that may answer, the preferred one first; none take the engine's default model."""
    instructions: str = ""
    collections: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    options: ModelOptions = field(default_factory=dict)
    think: Think | None = None
    """None leaves the choice to the model."""
