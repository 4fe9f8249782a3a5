"""A tool that is described by a JSON schema rather than by a signature: one that another program offers."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Generator
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import msgspec

from mdsa_server.errors import PluginFault
from mdsa_server.plugin_api.tool_schema import Tool, ToolCall

MOST_STEPS = 20_000
"""How many keywords of a schema are looked at for one call: references can make a small schema endless work."""
KNOWN_SCHEMAS = 512
"""How many are remembered, so that none of them is checked again: a large one takes a second."""

_steps: ContextVar[list[int]] = ContextVar("_steps")


class DescribedTool(Tool):
    """A tool with a JSON schema for its arguments.

    `function` is async and takes the arguments, checked against `parameters`, as a dict of its own. Raises PluginFault
    where `parameters` are no schema of an object. To make one takes up to a second where the schema is large and new.
    """

    def __init__(
        self,
        name: str,
        description: str,
        parameters: dict[str, Any],
        function: Callable[[dict[str, Any]], Awaitable[Any]],
        *,
        effects: bool = True,
    ) -> None:
        self.name = name
        self.description = description
        self.effects = effects
        self.function = function
        self.is_async = True
        self._parameters = parameters
        try:
            self._checker = _checker(msgspec.json.encode(parameters))
        except Exception as error:
            # The libraries raise whatever comes to them of a schema that is none.
            raise PluginFault(f"tool {name!r}: its parameters are no JSON schema: {_told(error)}") from error
        if parameters.get("type") != "object":
            raise PluginFault(f"tool {name!r}: its parameters are no object, but {parameters.get('type')!r}")

    def bind(self, arguments: dict[str, Any], call: ToolCall) -> Callable[[], Any]:
        """Check `arguments` against the schema and give the call, ready to be made.

        Raises msgspec.ValidationError for arguments that do not fit, and PluginFault where the schema cannot be used.
        """
        steps = _steps.set([0])
        try:
            flaw = next(self._checker.iter_errors(arguments), None)
        except PluginFault as error:
            raise PluginFault(f"tool {self.name!r}: {error.detail}") from error
        except RecursionError as error:
            raise PluginFault(f"tool {self.name!r}: its parameters lead back to themselves without end") from error
        except Exception as error:
            # Among others what is raised of a reference that leads nowhere, or to what is no schema.
            raise PluginFault(f"tool {self.name!r}: its parameters cannot be used: {_told(error)}") from error
        finally:
            _steps.reset(steps)
        if flaw is not None:
            raise msgspec.ValidationError(f"{flaw.message} - at `{flaw.json_path}`")
        # What was asked for is told, recorded and perhaps approved: a tool that changes its arguments changes its own.
        own = copy.deepcopy(arguments)
        return lambda: self.function(own)


@lru_cache(maxsize=KNOWN_SCHEMAS)
def _checker(encoded: bytes) -> Any:
    """Make what checks arguments by a schema, which is given as JSON. Raises whatever the libraries raise."""
    from jsonschema.validators import extend, validator_for
    from referencing import Registry

    parameters = msgspec.json.decode(encoded)
    known = validator_for(parameters)
    known.check_schema(parameters)
    _forget_kind(parameters)
    counting = {keyword: _counted(check) for keyword, check in known.VALIDATORS.items()}
    counted = extend(known, counting)  # type: ignore[no-untyped-call]  # as its stubs have it
    # An empty registry: left to itself, the library would fetch what a schema refers to from the network.
    return counted(parameters, registry=Registry())


def _counted(check: Callable[..., Any]) -> Callable[..., Generator[Any, None, None]]:
    """Make the check of a keyword one that counts, and raises PluginFault where there is no end to it."""

    def counting(*given: Any) -> Generator[Any, None, None]:
        steps = _steps.get()
        steps[0] += 1
        if steps[0] > MOST_STEPS:
            raise PluginFault(f"its parameters take more than {MOST_STEPS:,} steps to check")
        yield from check(*given) or ()

    return counting


def _forget_kind(part: Any) -> None:
    """Take out what a schema, or a part of it, says that it is a schema of: that part would be checked uncounted."""
    if isinstance(part, dict) and isinstance(part.get("$schema"), str):
        del part["$schema"]
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            _forget_kind(each)


def _told(error: Exception) -> str:
    text = str(getattr(error, "message", error))[:200]
    return text or type(error).__name__
