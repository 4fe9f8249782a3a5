"""Which files of the disk are meant."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.disk import GoOn
from mdsa_server.knowledge.file_names import is_text, settled, shown, whole
from mdsa_server.knowledge.ingest import Source

# Folders that tools keep for themselves.
PASSED_OVER = ("node_modules", "__pycache__", "venv")
TEXTS = ".md .markdown .mdx .rst .txt .text .log .org .adoc .tex .html .htm .xhtml .pdf .docx .csv .tsv"
CODE = (
    ".py .pyi .js .mjs .ts .tsx .jsx .java .kt .c .h .cc .cpp .hpp .cs .go .rs .rb .php .swift .scala .lua .pl .r"
    " .sh .bash .zsh .ps1 .sql .css .scss .toml .yaml .yml .json .ini .cfg"
)
SUFFIXES = frozenset(f"{TEXTS} {CODE}".split())
"""What is taken from a folder; a file that is named itself is tried whatever its name."""
WHAT_IS_TAKEN = "Markdown, text, HTML, PDF, Word, CSV and code are taken from folders; name any other file itself."


class FolderNow(NamedTuple):
    """What a folder holds, and which files of those that are known it has lost."""

    sources: list[Source]
    gone: list[str]


def sources_of(paths: Sequence[str], go_on: GoOn) -> list[Source]:
    """Give the files that are meant by files, folders and patterns, each once, under settled names.

    Hidden files and folders are left out where they are not named. Raises InvalidRequest where a path is not whole, and
    DocumentUnreadable where one leads nowhere: nothing is taken in then, since a name was likely mistyped.
    """
    found: dict[str, Source] = {}
    for path in map(whole, paths):
        meant = {source.name: source for source in _meant(path, go_on)}
        if not meant:
            there = os.path.isdir(path)
            raise DocumentUnreadable(
                f"{shown(path)} leads to no file that can be taken in", WHAT_IS_TAKEN if there else "Check the path."
            )
        found |= meant
    return list(found.values())


def folder_now(folder: Path, known: Iterable[str], go_on: GoOn) -> FolderNow:
    """Look at a folder and those in it. Raises DocumentUnreadable where it is none.

    What cannot be seen is not gone, and neither is what is there but would not be taken from a folder.
    """
    require_folder(folder, go_on)
    root = settled(str(folder))
    sources = list(_inside(root, go_on))
    here = {source.name for source in sources}
    missing = [name for name in known if name not in here and Path(name).is_relative_to(root)]
    if missing and not os.listdir(root):
        raise DocumentUnreadable(
            f"{shown(root)} is empty, and {len(missing):,} documents came from it",
            "See that its disk is mounted. Where they are to go: mdsa documents delete --collection NAME.",
        )
    return FolderNow(sources, [name for name in missing if _is_gone(name, go_on)])


def require_folder(folder: Path, go_on: GoOn) -> None:
    """Raise DocumentUnreadable where there is no such folder."""
    if not os.path.isdir(folder):
        raise DocumentUnreadable(f"{shown(str(folder))} is no folder", "Name one that is there.")


def sources_still_there(names: Sequence[str], go_on: GoOn) -> list[Source]:
    """Give those of the files so named that are there; what was sent has no path, and is left out."""
    return [_source(name, go_on) for name in names if os.path.isabs(name) and os.path.isfile(name)]


def _meant(path: str, go_on: GoOn) -> Iterator[Source]:
    if os.path.isdir(path):
        yield from _inside(settled(path), go_on)
    elif os.path.lexists(path):
        yield _source(settled(path), go_on)
    elif has_magic(path):
        parts = Path(path).parts
        fixed = next(number for number, part in enumerate(parts) if has_magic(part))
        for found in _matching(settled(str(Path(*parts[:fixed]))), parts[fixed:], go_on):
            name = settled(found)
            yield from _inside(name, go_on) if os.path.isdir(name) else [_source(name, go_on)]


def _matching(folder: str, parts: Sequence[str], go_on: GoOn) -> Iterator[str]:
    """Give what is in a folder and matches the rest of a pattern, part by part.

    Where a part says nothing of a name, the rules for folders hold.
    """
    go_on()
    part, *rest = parts
    if not has_magic(part):
        found = os.path.join(folder, part)
        if os.path.lexists(found):
            yield from _matching(found, rest, go_on) if rest else [found]
        return
    if part == "**" and rest:
        yield from _matching(folder, rest, go_on)
    for entry in _entries(folder):
        name, path = entry.name, os.path.join(folder, entry.name)
        if not fnmatchcase(name, part) or name in PASSED_OVER or (name.startswith(".") and not part.startswith(".")):
            continue
        if entry.is_dir(follow_symlinks=part != "**"):
            if part == "**" or not rest:
                yield from _matching(path, parts, go_on) if rest else [path]
            else:
                yield from _matching(path, rest, go_on)
        elif not rest and (part.strip("*?") or _is_document(name)):
            yield path


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []  # Of a pattern only what can be seen is meant.


def _inside(folder: str, go_on: GoOn) -> Iterator[Source]:
    unseen: list[Source] = []

    def told(error: OSError) -> None:
        problem = DocumentUnreadable(
            f"{shown(str(error.filename))} cannot be listed ({error.strerror}): what it holds was not looked at",
            "Give the server's user the right to read it; what was taken in from it before stays.",
        )
        unseen.append(Source(name=shown(str(error.filename)), problem=problem, bytes=0, modified=0.0))

    # Links to folders are not followed: they may lead round in a circle.
    for place, folders, files in os.walk(folder, onerror=told):
        go_on()
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PASSED_OVER)
        yield from (
            _source(os.path.join(place, name), go_on)
            for name in sorted(files)
            if not name.startswith(".") and _is_document(name)
        )
    yield from unseen


def _is_document(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _is_gone(name: str, go_on: GoOn) -> bool:
    go_on()
    try:
        return stat.S_ISDIR(os.lstat(name).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False


def _source(name: str, go_on: GoOn) -> Source:
    go_on()
    made = partial(Source, name=shown(name), path=Path(name))
    if not is_text(name):
        problem = DocumentUnreadable(
            f"{shown(name)} has a name that is not UTF-8, and documents are known by their names", "Rename it."
        )
        return made(problem=problem, bytes=0, modified=0.0)
    try:
        facts = os.stat(name)
    except OSError:
        return made(bytes=0, modified=0.0)  # The reader says what is wrong with it.
    return made(bytes=facts.st_size, modified=facts.st_mtime)
