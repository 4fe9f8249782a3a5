"""A tool: a typed function, from whose signature come the JSON schema and the checked arguments."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mdsa_server.errors import PluginFault
from mdsa_server.vocabulary.domain import Domain


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """Who calls a tool, for a tool that asks for it by a parameter of this type."""

    domain: Domain
    """The domain that answers, with its collections."""
    caller: str
    conversation: str | None


class Tool:
    """A function that a model may call.

    `function` is sync (it will run in a thread) or async, takes typed parameters and gives something
    that JSON can carry. Its docstring tells the model what it is for; `typing.Annotated` with
    `msgspec.Meta(description=...)` says more of a parameter. A parameter annotated `ToolCall` is filled
    by the server and hidden from the model. Raises PluginFault where the signature cannot be told to a model.
    """

    def __init__(self, function: Callable[..., Any], *, name: str | None = None, effects: bool = False) -> None:
        self.function = function
        self.name = name or function.__name__
        self.effects = effects
        """Whether calling it changes anything outside the turn, so that a person may want to be asked."""
        self.description = inspect.getdoc(function) or ""
        if not self.description:
            raise PluginFault(f"tool {self.name!r} has no docstring", "Say in one what it does: the model reads it.")
        self.is_async = inspect.iscoroutinefunction(function)
        self._call_parameter, self._arguments = _arguments_struct(self.name, function)
        try:
            self._parameters = _schema_of(self._arguments)
        except TypeError as error:
            raise PluginFault(
                f"tool {self.name!r}: its parameters cannot be told to a model: {str(error).splitlines()[-1]}",
                "Give them types that JSON can carry.",
            ) from error

    async def tools(self) -> Sequence[Tool]:
        return (self,)

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON schema of the arguments: one object, references resolved to it."""
        return self._parameters

    @property
    def optional(self) -> frozenset[str]:
        """The parameters that need not be given."""
        required = self.parameters.get("required", ())
        return frozenset(name for name in self.parameters.get("properties", {}) if name not in required)

    def bind(self, arguments: dict[str, Any], call: ToolCall) -> Callable[[], Any]:
        """Check `arguments` against the signature and give the call, ready to be made.

        Text that means a number is taken as one, since small models quote numbers.
        Raises msgspec.ValidationError, whose text says what is wrong and where, for the model to read.
        """
        checked = msgspec.convert(arguments, self._arguments, strict=False)
        values = {name: getattr(checked, name) for name in self._arguments.__struct_fields__}
        if self._call_parameter:
            values[self._call_parameter] = call
        return lambda: self.function(**values)


class DescribedTool(Tool):
    """A tool that is described by a JSON schema rather than by a signature: one that another program offers.

    `function` is async and takes the arguments, checked against `parameters`, as a dict. Raises PluginFault where
    `parameters` are no schema of an object.
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
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for
        from referencing import Registry

        self.name = name
        self.description = description
        self.effects = effects
        self.function = function
        self.is_async = True
        self._parameters = parameters
        checker = validator_for(parameters)
        try:
            checker.check_schema(parameters)
        except SchemaError as error:
            raise PluginFault(f"tool {name!r}: its parameters are no JSON schema: {error.message}") from error
        if parameters.get("type") != "object":
            raise PluginFault(f"tool {name!r}: its parameters are no object, but {parameters.get('type')!r}")
        # An empty registry: left to itself, the library would fetch what a schema refers to from the network.
        self._checker = checker(parameters, registry=Registry())

    def bind(self, arguments: dict[str, Any], call: ToolCall) -> Callable[[], Any]:
        from referencing.exceptions import Unresolvable

        try:
            flaw = next(self._checker.iter_errors(arguments), None)
        except Unresolvable as error:
            raise PluginFault(
                f"tool {self.name!r}: its parameters refer to {error.ref!r}, which is not there"
            ) from error
        except RecursionError as error:
            raise PluginFault(f"tool {self.name!r}: its parameters lead back to themselves without end") from error
        if flaw is not None:
            raise msgspec.ValidationError(f"{flaw.message} - at `{flaw.json_path}`")
        return lambda: self.function(arguments)


def _arguments_struct(name: str, function: Callable[..., Any]) -> tuple[str | None, type[msgspec.Struct]]:
    """Turn a signature into a struct, leaving out the parameter that receives the ToolCall."""
    hints = typing.get_type_hints(function, include_extras=True)
    call_parameter: str | None = None
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise PluginFault(
                f"tool {name!r}: parameter {parameter} cannot be named by a model",
                "Give it plain named parameters.",
            )
        if parameter.name not in hints:
            raise PluginFault(
                f"tool {name!r}: parameter {parameter.name!r} has no type", "Annotate it: the model needs it."
            )
        hint = hints[parameter.name]
        if hint is ToolCall:
            call_parameter = parameter.name
        elif parameter.default is parameter.empty:
            fields.append((parameter.name, hint))
        else:
            fields.append((parameter.name, hint, parameter.default))
    return call_parameter, msgspec.defstruct(f"{name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)


def _schema_of(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """Give the JSON schema of a struct. Raises TypeError where a field has a type that JSON cannot carry."""
    _, components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    own: dict[str, Any] = components.pop(arguments.__name__)
    own.pop("title", None)
    return own | ({"$defs": components} if components else {})
