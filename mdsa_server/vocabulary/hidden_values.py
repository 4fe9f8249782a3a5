"""What of settings is not to be shown: keys, tokens, passwords, and what programs are given in their environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "(hidden)"
"""Stands where a value is not shown."""

SECRET = frozenset(
    {
        *("auth", "authorization", "bearer", "cookie", "credentials", "key", "pass", "passcode", "passphrase", "pat"),
        *("pwd", "secrets", "webhook", "webhooks"),
    }
)
SECRET_ENDINGS = (
    *("token", "secret", "password", "passwd", "credential"),
    *("apikey", "apikeys", "accesskey", "secretkey"),
)
"""Words, and ends of words, in the name of a setting that tell of a secret."""
SECRET_UNLESS_NUMBER = frozenset({"keys", "tokens", "passwords"})
"""Such words that name amounts too, as in `max_tokens`."""
HIDDEN_WHOLE = frozenset({"env", "environment", "headers"})
"""Tables of which nothing is shown but how much they hold: whatever stands in them may be a secret."""

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
USER_IN_ADDRESS = re.compile(r"(?<=://)[^/\s]*@")
QUERY_IN_ADDRESS = re.compile(r"(?<=[?&])([\w.~-]+=)[^&\s#\"']+")
AFTER_SCHEME = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
WITH_MARK = re.compile(
    r"\b(?:(?:sk|pk|rk|gh[a-z]|github_pat|glpat|xox[a-z]|hf)[-_]|eyJ|AKIA|AIza)[-_A-Za-z0-9]{12,}(?:\.[\w-]+)*"
)
"""Keys that begin with the mark of those who give them out."""
NAMED = re.compile(
    r"(-)?([A-Za-z][\w-]*+)(?:(\s*+[:=]\s*+)[^\s\"']++|(?(1)(\s++)[^\s\"'-][^\s\"']*+|(?!)))?+",
)
"""A name and what may be its value within a text: `X-Api-Key: abc`, `DB_PASS=abc`, `--token abc`.

It matches every word, with a value or without: were it tried again from each of a word's letters, a long one would
take the square of its length.
"""
ACCESS_KEY = re.compile(r"\bmdsa_[-\w]{43}(?![-\w])", re.ASCII)
"""This server's own: `mdsa_` and 256 random bits."""
SLACK = re.compile(r"(?<=hooks\.slack\.com/services/)\S+")
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
LONG = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{20,}")


def shown(value: Any, key: str = "") -> Any:
    """Give a setting as it may be shown, with HIDDEN in the place of secrets; `key` is the setting's own name.

    It is plain data: text, numbers, lists and tables. Lists may be a program's words, whose `--token abc` and
    `--token=abc` are hidden too.
    """
    words = _words(key)
    if value is None or isinstance(value, bool) or value in ("", [], {}, ()):
        return value
    if words & HIDDEN_WHOLE and isinstance(value, Mapping):
        return f"{HIDDEN[:-1]}, {len(value)} of them)"
    if _tell_of_secret(words) or (words & SECRET_UNLESS_NUMBER and not isinstance(value, int | float)):
        return HIDDEN
    if isinstance(value, Mapping):
        return {name: shown(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, Sequence):
        return _shown_list(value)
    return value


def without_access_keys(text: str) -> str:
    """Give a text in which none of this server's access keys can be read: people put them where an id belongs."""
    return ACCESS_KEY.sub(HIDDEN, text)


def shown_text(text: str) -> str:
    """Give a text without what looks like a secret in it."""
    text = USER_IN_ADDRESS.sub(f"{HIDDEN}@", text)
    text = QUERY_IN_ADDRESS.sub(rf"\g<1>{HIDDEN}", text)
    text = AFTER_SCHEME.sub(rf"\g<1> {HIDDEN}", text)
    text = SLACK.sub(HIDDEN, text)
    text = NAMED.sub(_named, text)
    for pattern in (ACCESS_KEY, WITH_MARK, UUID):
        text = pattern.sub(HIDDEN, text)
    return LONG.sub(lambda found: HIDDEN if _is_random(found[0]) else found[0], text)


def _named(found: re.Match[str]) -> str:
    """Hide a value whose name tells of a secret."""
    dash, name, between = found[1] or "", found[2], found[3] or found[4]
    return f"{dash}{name}{between}{HIDDEN}" if between and _tell_of_secret(_words(name)) else found[0]


def _words(name: str) -> set[str]:
    return {word.lower() for word in WORD.findall(name)}


def _tell_of_secret(words: set[str]) -> bool:
    return bool(words & SECRET) or any(word.endswith(SECRET_ENDINGS) for word in words)


def _is_random(text: str) -> bool:
    """Whether letters and digits are mixed: so long, nobody thought of them as a name."""
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _shown_list(values: Sequence[Any]) -> list[Any]:
    given: list[Any] = []
    is_secret = False
    for value in values:
        name, equals, _ = value.partition("=") if isinstance(value, str) else ("", "", "")
        names_one = _tell_of_secret(_words(name)) and " " not in name
        if is_secret:
            given.append(HIDDEN)
        elif names_one and equals:
            given.append(f"{name}={HIDDEN}")
        else:
            given.append(shown(value))
        is_secret = names_one and name.startswith("-") and not equals
    return given
