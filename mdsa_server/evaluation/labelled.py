"""Labelled messages read from a file of JSON lines: where each belongs, or that it belongs nowhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import msgspec

from mdsa_server.vocabulary.domain import Domain, Example
from mdsa_server.vocabulary.fault import Fault

T = TypeVar("T")

LINE = '{"text": "How do I reverse a list?", "domain": "code"}'


class Labelled(msgspec.Struct, frozen=True):
    """One line of such a file; other keys may stand in it and are not read."""

    text: str
    domain: str | None
    """None is out of scope: it belongs to no domain."""
    intent: str | None = None


def read_labelled(path: Path, known: Collection[str] | None = None) -> tuple[list[Labelled], list[Fault]]:
    """Give the lines that are right, and what is wrong with the others; empty lines are passed over.

    `known` are the domains that may be named; None allows any. A file that cannot be read is a fault, or holds nothing.
    """
    return read_lines(path, Labelled, "labelled message", LINE, lambda one: _flaw(one, known))


def read_lines(
    path: Path, kind: type[T], name: str, example: str, flaw_of: Callable[[T], tuple[str, str] | None]
) -> tuple[list[T], list[Fault]]:
    """Read JSON lines of a kind: give those that are right, and what is wrong with the others.

    `flaw_of` says what is wrong with one that fits its type, and how to mend it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return [], [_fault(path, None, f"cannot be read ({error.strerror})", "Name a file that is there.")]
    except UnicodeDecodeError:
        return [], [_fault(path, None, "is not UTF-8", "Save the file as UTF-8.")]
    decoder = msgspec.json.Decoder(kind)
    found, faults = [], []
    # Not splitlines: it would also split where a text holds one of Unicode's own line ends.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = decoder.decode(line)
        except msgspec.DecodeError as error:
            faults.append(_fault(path, number, f"is no {name} ({error})", f"Write it so: {example}"))
            continue
        if flaw := flaw_of(one):
            faults.append(_fault(path, number, *flaw))
        else:
            found.append(one)
    if not found and not faults:
        faults.append(_fault(path, None, f"holds no {name}", f"Write one on each line: {example}"))
    return found, faults


def domains_from(examples: Sequence[Labelled]) -> tuple[Domain, ...]:
    """Make a domain of each one's examples, by name; those that are out of scope can be taught to none."""
    inside = sorted((one for one in examples if one.domain is not None), key=lambda one: one.domain or "")
    return tuple(
        Domain(name=name, description="", examples=tuple(Example(one.text, one.intent) for one in group))
        for name, group in groupby(inside, key=lambda one: one.domain or "")
    )


def _flaw(one: Labelled, known: Collection[str] | None) -> tuple[str, str] | None:
    if not one.text.strip():
        return "has an empty text", f"Write it so: {LINE}"
    if one.domain is not None and not one.domain.strip():
        return "has an empty domain", "Name the domain, or write null for a message that belongs to none."
    if known is not None and one.domain is not None and one.domain not in known:
        return (
            f"names the domain {one.domain!r}, which is not taught",
            f"Name one of {', '.join(known)}, or write null for a message that belongs to none.",
        )
    return None


def _fault(path: Path, line: int | None, what: str, mend: str) -> Fault:
    return Fault(file=str(path), line=line, key="", what=what, mend=mend)
