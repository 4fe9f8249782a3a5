"""A domain: one specialty the server can answer for."""

from typing import Literal

from msgspec import Struct, field

from mdsa_server.vocabulary.tools import ToolUse

ModelOptions = dict[str, float | int | str | bool | list[str]]
"""Options of an engine's runner and sampler by Ollama's names (`num_ctx`, `temperature`, ...)."""

Think = bool | Literal["low", "medium", "high"]
"""Whether, or how hard, a model that can think is asked to, before it answers."""


NoPassages = Literal["answer anyway", "say so"]


class Example(Struct, frozen=True):
    """A message that belongs to a domain."""

    text: str
    intent: str | None = None
    """What is wanted, more finely than the domain says: routers learn better from examples that are sorted so."""


class Domain(Struct, frozen=True, kw_only=True):
    """One `[domains.NAME]` table of `mdsa.toml`."""

    name: str
    description: str
    examples: tuple[Example, ...] = ()
    keywords: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """Models that may answer, the preferred one first; none take the engine's default model."""
    instructions: str = ""
    collections: tuple[str, ...] = ()
    """Those that answers may rest on: its own and those that all domains share."""
    no_passages: NoPassages = "answer anyway"
    """What becomes of a message for which they hold nothing."""
    tools: tuple[str, ...] = ()
    """Names of tools that the model may call, or patterns of them, such as `mcp.files.*`; nothing else is callable."""
    tool_use: ToolUse = "auto"
    options: ModelOptions = field(default_factory=dict)
    think: Think | None = None
    """None leaves the choice to the model."""

    @property
    def says_so(self) -> bool:
        """Whether it says that it has no passages rather than answer without."""
        return self.no_passages == "say so" and bool(self.collections)
