"""All that a plugin author may import.

    from mdsa_server.plugin_api import Candidate, Opinion, RouteQuery, hookimpl

A plugin is a module with functions marked `@hookimpl` (see `hookspecs.py`). The hooks are plain
functions called once at start; they hand over objects, and those objects do the work, asynchronously.
"""

from mdsa_server.errors import MdsaError, ModelTimeout, PluginFault, ToolRefused
from mdsa_server.plugin_api.contracts import (
    AskModel,
    Cache,
    Embed,
    MeasuredRouter,
    PluginContext,
    Reranker,
    Retriever,
    RetrieverQuery,
    RouteQuery,
    Router,
    SearchPassages,
    ToolSource,
    WithholdingToolSource,
)
from mdsa_server.plugin_api.described_tool import DescribedTool
from mdsa_server.plugin_api.hookspecs import hookimpl
from mdsa_server.plugin_api.own_thread import in_own_thread
from mdsa_server.plugin_api.tool_schema import Tool, ToolCall
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import Domain, Example
from mdsa_server.vocabulary.passages import Passage
from mdsa_server.vocabulary.routing import Candidate, Evidence, Opinion, Prediction

__all__ = [
    "AskModel",
    "Cache",
    "Candidate",
    "DescribedTool",
    "Domain",
    "Embed",
    "Evidence",
    "Example",
    "MdsaError",
    "MeasuredRouter",
    "Message",
    "ModelTimeout",
    "Opinion",
    "Passage",
    "PluginContext",
    "PluginFault",
    "Prediction",
    "Reranker",
    "Retriever",
    "RetrieverQuery",
    "RouteQuery",
    "Router",
    "SearchPassages",
    "Tool",
    "ToolCall",
    "ToolRefused",
    "ToolSource",
    "WithholdingToolSource",
    "hookimpl",
    "in_own_thread",
]
