"""A plugin's settings as they are shown: each key with its default, and no secret."""

from __future__ import annotations

from typing import Any

import msgspec

from mdsa_server.vocabulary.hidden_values import shown
from mdsa_server.vocabulary.plugins import PluginSetting


def shown_settings(settings: msgspec.Struct | None) -> tuple[PluginSetting, ...]:
    """Give the keys of a plugin's struct in its own order."""
    if settings is None:
        return ()
    return tuple(
        PluginSetting(
            name=field.encode_name,
            value=shown(plain, field.encode_name),
            default=shown(default, field.encode_name),
            is_default=not field.required and plain == default,
        )
        for field in msgspec.structs.fields(settings)
        for plain, default in [(_plain(getattr(settings, field.name)), _default(field))]
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return _plain(field.default)
    return None if field.default_factory is msgspec.NODEFAULT else _plain(field.default_factory())


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str, str_keys=True)
