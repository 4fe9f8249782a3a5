"""A tool: a typed function, from whose signature come the JSON schema and the checked arguments."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import msgspec.inspect

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
    `msgspec.Meta(description=...)` says more of a parameter. A parameter annotated `ToolCall`, or
    `ToolCall | None`, is filled by the server and hidden from the model. Raises PluginFault where the signature cannot
    be told to a model, or a ToolCall is part of something else, where a model could make one up.
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
        self._call_parameters, self._arguments = _arguments_struct(self.name, function)
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
        values |= dict.fromkeys(self._call_parameters, call)
        return lambda: self.function(**values)


def _arguments_struct(name: str, function: Callable[..., Any]) -> tuple[Sequence[str], type[msgspec.Struct]]:
    """Turn a signature into a struct, leaving out the parameters that receive the ToolCall: those are named."""
    hints = typing.get_type_hints(function, include_extras=True)
    call_parameters: list[str] = []
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
        if _bare(hint) is ToolCall:
            call_parameters.append(parameter.name)
        elif _holds_call(msgspec.inspect.type_info(hint), set()):
            raise PluginFault(
                f"tool {name!r}: parameter {parameter.name!r} holds a ToolCall, which a model could make up",
                "Annotate it ToolCall itself: the server fills it.",
            )
        elif parameter.default is parameter.empty:
            fields.append((parameter.name, hint))
        else:
            fields.append((parameter.name, hint, parameter.default))
    return call_parameters, msgspec.defstruct(f"{name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)


def _bare(hint: Any) -> Any:
    """Give the type that an annotation is about, without what Annotated says of it and without None."""
    if typing.get_origin(hint) is typing.Annotated:
        return _bare(typing.get_args(hint)[0])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (first, *others) = [part for part in typing.get_args(hint) if part is not types.NoneType]
        return hint if others else _bare(first)
    return hint


def _holds_call(part: Any, seen: set[int]) -> bool:
    """Say whether a ToolCall is anywhere within what msgspec knows of a type."""
    if isinstance(part, tuple):
        return any(_holds_call(each, seen) for each in part)
    if not isinstance(part, msgspec.Struct) or id(part) in seen:
        return False
    seen.add(id(part))
    of = getattr(part, "cls", None)
    if isinstance(of, type) and issubclass(of, ToolCall):
        return True
    return any(_holds_call(getattr(part, name), seen) for name in part.__struct_fields__)


def _schema_of(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """Give the JSON schema of a struct. Raises TypeError where a field has a type that JSON cannot carry."""
    _, components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    own: dict[str, Any] = components.pop(arguments.__name__)
    own.pop("title", None)
    return own | ({"$defs": components} if components else {})
