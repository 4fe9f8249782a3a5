"""The hooks: the whole surface through which a plugin joins the server.

Hooks only register. They are plain functions, called once when the server starts; pluggy never awaits.
"""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
from pluggy import HookimplMarker, HookspecMarker

from mdsa_server.plugin_api.contracts import PluginContext, Reranker, Retriever, Router, ToolSource

hookspec = HookspecMarker("mdsa_server")
hookimpl = HookimplMarker("mdsa_server")


@hookspec
def plugin_settings() -> type[msgspec.Struct]:  # type: ignore[empty-body]  # a hookspec has no body
    """Name the struct that this plugin's `[plugins.NAME]` table must fit."""


@hookspec
def plugin_lifespan(context: PluginContext) -> AbstractAsyncContextManager[Any]:  # type: ignore[empty-body]
    """Open what the plugin needs before it registers anything, and close it with the server."""


@hookspec
def register_routers(context: PluginContext) -> Iterable[Router]:  # type: ignore[empty-body]
    """Offer routers; each is asked about every message."""


@hookspec
def register_retrievers(context: PluginContext) -> Iterable[Retriever]:  # type: ignore[empty-body]
    """Offer sources of passages."""


@hookspec
def register_rerankers(context: PluginContext) -> Iterable[Reranker]:  # type: ignore[empty-body]
    """Offer judges of the passages that a search found; the one that `[knowledge] reranker` names is asked."""


@hookspec
def register_tools(context: PluginContext) -> Iterable[ToolSource]:  # type: ignore[empty-body]
    """Offer functions that a model may call."""
