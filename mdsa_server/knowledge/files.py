"""Which files of the disk are meant."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

from mdsa_server.errors import DocumentUnreadable
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


def sources_of(paths: Sequence[str]) -> list[Source]:
    """Give the files that are meant by files, folders and patterns, each once, under absolute names.

    Hidden files and folders are left out where they are not named. Raises DocumentUnreadable where a path leads
    nowhere: nothing is taken in then, since a name was likely mistyped.
    """
    found: dict[Path, None] = {}
    for path in paths:
        meant = list(_meant(path))
        if not meant:
            raise DocumentUnreadable(
                f"{path} leads to no file that can be taken in",
                "Check the path. From folders are taken: " + " ".join(sorted(SUFFIXES)),
            )
        found.update(dict.fromkeys(meant))
    return [_source(path) for path in found]


def sources_in(folder: Path) -> list[Source]:
    """Give the files of a folder, those in its folders too. Raises DocumentUnreadable where it is none."""
    if not folder.is_dir():
        raise DocumentUnreadable(f"{folder} is no folder", "Name one that is there.")
    return [_source(path) for path in _inside(folder)]


def sources_still_there(names: Sequence[str]) -> list[Source]:
    """Give those of the files so named that are there; what was sent has no path, and is left out."""
    paths = [Path(name) for name in names]
    return [_source(path) for path in paths if path.is_absolute() and path.is_file()]


def _meant(path: str) -> Iterator[Path]:
    whole = Path(path).expanduser().absolute()
    if whole.is_dir():
        yield from _inside(whole)
    elif os.path.lexists(whole):
        yield whole
    elif has_magic(path):
        for found in sorted(glob(str(whole), recursive=True)):
            yield from _meant(found)


def _inside(folder: Path) -> Iterator[Path]:
    # Links to folders are not followed: they may lead round in a circle.
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PASSED_OVER)
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place, name)


def _source(path: Path) -> Source:
    try:
        facts = path.stat()
    except OSError:
        return Source(name=str(path), path=path, bytes=0, modified=0.0)  # The reader says what is wrong with it.
    return Source(name=str(path), path=path, bytes=facts.st_size, modified=facts.st_mtime)
