"""What `mdsa.toml` may say, as types, in the file's own order; the file says more of each key."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from mdsa_server.setting_values import (
    CollectionNames,
    DomainName,
    EngineUrl,
    ExamplesFile,
    FilePath,
    FolderOrName,
    Host,
    HostNames,
    KeepAlive,
    Languages,
    Options,
    Origins,
    Seconds,
    Sentence,
    Text,
    Texts,
    Thinking,
)
from mdsa_server.vocabulary.domain import Domain, Example, NoPassages
from mdsa_server.vocabulary.routing import OnTie
from mdsa_server.vocabulary.tools import Approval, ToolUse


class Section(BaseModel):
    """A table of the file: nothing in it but what is named here, and nothing of another type."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True
    )


# --- the tables


class ServerSettings(Section):
    """Where the server listens, and how much it takes in."""

    host: Host = Field(
        default="127.0.0.1", description="The address to listen on; others than loopback need an access key."
    )
    port: int = Field(default=8642, ge=0, le=65535, description="The port to listen on; 0 takes any free one.")
    max_message_chars: int = Field(
        default=100_000, ge=1, description="The longest message that is taken, in characters."
    )
    max_body_bytes: int = Field(
        default=1_000_000, ge=1, description="The largest request body that is taken, in bytes."
    )
    allowed_hosts: HostNames = Field(
        default=(), description="Host names the server answers to besides `host` and the loopback names."
    )
    cors_origins: Origins = Field(
        default=(), description="Origins whose pages may use the server with an access key; those of no other site may."
    )
    shutdown_seconds: float = Field(
        default=10.0, ge=0, description="How long running turns may go on once the server is told to stop, in seconds."
    )


class LimitSettings(Section):
    """How much one caller may ask for: one access key, or one address where none is needed."""

    requests_per_minute: int = Field(
        default=6000, ge=1, description="How many requests a minute; a key may have a number of its own."
    )
    tokens_per_minute: int = Field(
        default=0,
        ge=0,
        description="How many tokens turns may take a minute, 0 for any number; a key may have a number of its own.",
    )
    turns_at_once: int = Field(default=64, ge=1, description="How many turns may run for one caller at a time.")
    turns_per_conversation: int = Field(
        default=2000, ge=1, description="How many turns a conversation may have, on all its branches together."
    )


class StoreSettings(Section):
    """Where conversations are kept, and how much of what was noted about them."""

    path: FilePath = Field(
        default=Path("mdsa-data"),
        description="The data folder, seen from the folder of this file; made when first used.",
    )
    keep_turns: int = Field(
        default=100_000,
        ge=1,
        description="How many turns keep their events, such as the reasons for the route; messages and answers stay.",
    )
    keep_audit: int = Field(
        default=10_000,
        ge=1,
        description="How many entries the audit log keeps of what one caller did, and as many of what came to nothing.",
    )


class EngineSettings(Section):
    """What serves the models."""

    url: EngineUrl = Field(
        default="auto", description='The address of an Ollama; "auto" finds one, or starts the embedded engine.'
    )
    default_model: Text = Field(
        default="auto", description='The model of domains that name none; "auto" takes one the engine has.'
    )
    keep_alive: KeepAlive = Field(
        default="5m", description="How long a model stays resident after its last use: seconds or a duration."
    )
    connect_timeout: Seconds = Field(default=3.0, description="How long the engine may take to be reached, in seconds.")
    stall_timeout: Seconds = Field(
        default=300.0, description="How long the engine may stay silent within an answer or a load, in seconds."
    )


class ResidencySettings(Section):
    """Which models stay in memory, and who waits for whom."""

    max_models: int = Field(default=3, ge=1, description="How many models may be in memory at once.")
    max_memory_gb: float = Field(
        default=0.0, ge=0, description="How much memory models may take together, in GB; 0 leaves it to the engine."
    )
    policy: Literal["lru", "cost"] = Field(
        default="lru", description="Which model goes first: the one not used for longest, or the cheapest to reload."
    )
    max_wait: Seconds = Field(
        default=20.0, description="How long turns for resident models may go before one for another, in seconds."
    )
    max_running: int = Field(
        default=4, ge=1, description="How many turns one model answers at a time: as many as the engine does."
    )
    max_line: int = Field(default=64, ge=1, description="How many turns may wait for one model.")
    prefer: Literal["best", "warm", "balanced"] = Field(
        default="balanced", description="Which of a domain's models answers when the first is not in memory."
    )
    worth_waiting: float = Field(
        default=5.0, ge=0, description="The longest load that the first model is worth, in seconds, if balanced."
    )
    pinned: Texts = Field(default=(), description="Models that are never unloaded to make room.")
    preload: Texts = Field(default=(), description="Models that are loaded when the server starts.")


class EmbeddingSettings(Section):
    """What turns text into vectors, for routing and search."""

    provider: Literal["sentence-transformers", "ollama"] = Field(
        default="sentence-transformers", description="What embeds: this server itself, or a model of the engine."
    )
    model: FolderOrName = Field(
        default="auto", description='A folder or a hub name; "auto" is the all-MiniLM-L6-v2 that comes along.'
    )
    offline: bool = Field(
        default=True, description="Whether the embedding model may only come from this machine's disk."
    )
    threads: int = Field(default=0, ge=0, description="How many threads embed; 0 lets PyTorch decide.")
    fast_messages: bool = Field(
        default=True, description="Whether messages are embedded by a small, fast copy of the model, made once."
    )


class KnowledgeSettings(Section):
    """Documents: how they are read, split and searched."""

    shared: CollectionNames = Field(default=(), description="Collections that every domain may use, besides its own.")
    passage_tokens: int = Field(
        default=200, ge=32, le=8192, description="How long a passage may be, in tokens of the embedding model."
    )
    languages: Languages = Field(
        default=("english",),
        description="Languages, by English names, whose commonest words a search passes over.",
    )
    reranker: str = Field(default="", description="The reranker that judges what a search found; none where empty.")
    vectors_in_memory: bool = Field(
        default=True, description="Whether the signs of all vectors are held in memory, which makes searching fast."
    )
    max_document_mb: float = Field(default=50.0, gt=0, description="The largest file that is taken in, in MB.")
    reading_timeout: Seconds = Field(default=300.0, description="How long reading one file may take, in seconds.")
    reading_memory_gb: float = Field(default=2.0, gt=0, description="How much memory reading may take, in GB.")


class RoutingSettings(Section):
    """Who decides which domain answers, and when nobody is sure enough."""

    routers: Annotated[Texts, Field(min_length=1)] = Field(
        default=("keyword_router", "embedding_router"),
        description="The routers that are asked; of equally sure ones the first decides.",
    )
    fallback: str = Field(default="general", description="The domain that answers when no router is sure enough.")
    target_precision: float = Field(
        default=0.85,
        gt=0,
        lt=1,
        description="How often, of the domains that a router chooses, it should be right; it learns how sure that is.",
    )
    min_confidence: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="How sure, from 0 to 1, a router must be of a domain at least, for it to be chosen.",
    )
    on_tie: OnTie = Field(
        default="ask", description="Whether the user is asked between two likely domains, or the likelier answers."
    )
    timeout: Seconds = Field(default=10.0, description="How long the routers may take to decide, in seconds.")
    learning_timeout: Seconds = Field(
        default=30.0, description="How long a message waits for routers that still learn the domains, in seconds."
    )


class ToolSettings(Section):
    """Within which bounds models call tools."""

    max_rounds: int = Field(
        default=4, ge=1, le=20, description="How often a model may ask for calls before it must answer."
    )
    timeout: Seconds = Field(default=30.0, description="How long one call of a tool may take, in seconds.")
    max_result_chars: int = Field(
        default=8_000, ge=100, description="How much of a tool's result the model is given, in characters."
    )
    approval_timeout: Seconds = Field(
        default=120.0, description="How long a call waits for somebody to allow it, in seconds; then it is denied."
    )
    approval: dict[str, Approval] = Field(
        default_factory=dict, description="By tool or pattern, whether it may be called: auto, ask or deny."
    )


class PluginHostSettings(Section):
    """Where plugins come from, and how far they are trusted."""

    directories: Annotated[tuple[FilePath, ...], Field(strict=False)] = Field(
        default=(), description="Folders with plugins of your own, seen from the folder of this file."
    )
    call_timeout: Seconds = Field(default=20.0, description="How long one call of a plugin may take, in seconds.")
    fit_timeout: Seconds = Field(
        default=600.0, description="How long a router may take to learn the domains, in seconds."
    )
    max_faults: int = Field(
        default=5, ge=1, description="After how many faults in a row a plugin is put in quarantine."
    )
    disabled: Texts = Field(default=(), description="Names of plugins that are not loaded.")


class LoggingSettings(Section):
    """What the log says, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important lines that are written."
    )
    format: Literal["auto", "pretty", "json"] = Field(
        default="auto", description='How lines look; "auto" is pretty on a terminal and JSON elsewhere.'
    )


class DomainSettings(Section):
    """One specialty the server can answer for."""

    description: Sentence = Field(description="What the domain is for, in a sentence; routers and people read it.")
    examples: Texts = Field(default=(), description="Messages that belong here, as people would write them.")
    examples_file: ExamplesFile | None = Field(
        default=None,
        description='More examples, a JSON object on each line: {"text": "...", "intent": "..."}, the intent optional.',
    )
    keywords: Texts = Field(default=(), description="Words and phrases that speak for this domain.")
    model: str | None = Field(
        default=None, min_length=1, description="The model that answers; left out, it is [engine] default_model."
    )
    models: Texts = Field(
        default=(), description="Several models that may answer instead of one, the preferred one first."
    )
    instructions: str = Field(default="", description="What the model is told before every conversation.")
    collections: CollectionNames = Field(default=(), description="Collections of documents that answers may rest on.")
    folders: Annotated[tuple[FilePath, ...], Field(strict=False)] = Field(
        default=(), description="Folders whose files are this domain's: taken in, in its name, when the server starts."
    )
    no_passages: NoPassages = Field(
        default="answer anyway", description="What becomes of a message for which the collections hold nothing."
    )
    tools: Texts = Field(default=(), description="Tools that the model may call, or patterns of their names.")
    tool_use: ToolUse = Field(
        default="auto", description="How the model calls tools: by its own means, held to a schema, or not at all."
    )
    options: Options = Field(
        default_factory=dict, description="Options for the engine by its own names, such as num_ctx or temperature."
    )
    think: Thinking = Field(
        default=None, description="Whether, or how hard, the model thinks first; left out, it decides itself."
    )


class Settings(Section):
    """The configuration of MDSA Server: mdsa.toml."""

    server: ServerSettings = Field(default_factory=ServerSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    residency: ResidencySettings = Field(default_factory=ResidencySettings)
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    knowledge: KnowledgeSettings = Field(default_factory=KnowledgeSettings)
    routing: RoutingSettings = Field(default_factory=RoutingSettings)
    tools: ToolSettings = Field(default_factory=ToolSettings)
    plugin_host: PluginHostSettings = Field(default_factory=PluginHostSettings)
    plugins: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Settings of plugins, one table each; the plugin says what may be in it."
    )
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    domains: Annotated[dict[DomainName, DomainSettings], Field(min_length=1)] = Field(
        description="The domains, one table each."
    )

    @property
    def data_folder(self) -> Path:
        """The data folder, absolute."""
        return self.store.path

    @property
    def folders(self) -> list[tuple[str, Path]]:
        """The folders that are followed, each with its collection, which has the domain's name."""
        return [(name, folder) for name, domain in self.domains.items() for folder in domain.folders]

    def domains_as_vocabulary(self) -> tuple[Domain, ...]:
        """The domains as the rooms know them, in the file's order."""
        shared = self.knowledge.shared
        return tuple(_as_vocabulary(name, domain, shared) for name, domain in self.domains.items())


KEYS_OF_THE_FILE = {"model", "models", "examples", "examples_file", "folders", "collections"}


def _as_vocabulary(name: str, domain: DomainSettings, shared: tuple[str, ...]) -> Domain:
    facts = {key: value for key, value in domain if key not in KEYS_OF_THE_FILE}
    more = domain.examples_file.examples if domain.examples_file else ()
    folders = (name,) if domain.folders else ()
    return Domain(
        name=name,
        models=domain.models or ((domain.model,) if domain.model else ()),
        examples=(*map(Example, domain.examples), *more),
        collections=tuple(dict.fromkeys((*domain.collections, *folders, *shared))),
        **facts,
    )
