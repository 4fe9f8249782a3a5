"""The names of files: one whole name for each, however it was typed, and how it is shown where it is no valid text."""

from __future__ import annotations

import os

from mdsa_server.errors import InvalidRequest


def whole(path: str) -> str:
    """Give a path or pattern as a whole one, `~` written out. Raises InvalidRequest where it is none.

    Where the server happens to stand means nothing to a caller: what is seen from there is refused.
    """
    # Not Path.expanduser: that raises where there is no such home.
    expanded = os.path.expanduser(path)
    if not path.strip() or "\0" in path or not os.path.isabs(expanded):
        raise InvalidRequest(f"the path {shown(path)!r} is not absolute", "Give its whole path.")
    return expanded


def settled(path: str) -> str:
    """Give the name by which a whole path is known: without `..`, and without links on the way to it.

    A link to a folder is that folder; a link to a file keeps its own name. Reads the disk.
    """
    if os.path.isdir(path):
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8; the name of a file may be any bytes."""
    return shown(name) == name


def shown(name: str) -> str:
    """Give a file's name as it can be written anywhere, also one that is no valid text."""
    return name.encode("utf-8", "backslashreplace").decode()
