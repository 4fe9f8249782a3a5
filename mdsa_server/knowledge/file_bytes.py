"""The bytes of a file, taken so that nothing that calls itself a file can stall the reading."""

from __future__ import annotations

import errno
import os
import stat

from mdsa_server.errors import DocumentUnreadable

BLOCK = 1 << 20


def take(path: str | bytes, most: int) -> bytes:
    """Read a regular file of at most so many bytes, that nobody changes meanwhile. Raises DocumentUnreadable."""
    try:
        before = os.stat(path)
        _require_readable(before, most)
        # Whoever put a pipe in the file's place since then makes nobody wait for its other end.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            _require_readable(os.fstat(handle), most)
            content = _all(handle, most + 1)
        finally:
            os.close(handle)
        after = os.stat(path)
    except OSError as error:
        raise _explained(path, error) from error
    except ValueError as error:
        raise DocumentUnreadable("cannot be the name of a file", "Name a file that is there.") from error
    if _state(before) != _state(after) or len(content) != after.st_size:
        raise DocumentUnreadable(
            "was changed while it was read", "Read it again when whoever writes to it has finished."
        )
    return content


def require_size(size: int, most: int) -> None:
    """Raise DocumentUnreadable where a document has more bytes than it may have."""
    if size > most:
        raise DocumentUnreadable(
            f"has {size:,} bytes, and a document may have {most:,}",
            "Split it, leave it out, or allow larger ones: [knowledge] max_document_mb in mdsa.toml.",
        )


def require_text_size(characters: int, most: int) -> None:
    """Raise DocumentUnreadable where a document unpacks to more text than the largest file could hold."""
    if characters > most:
        raise DocumentUnreadable(
            f"unpacks to {characters:,} characters of text, and a document may have {most:,}",
            "Split it, leave it out, or allow larger ones: [knowledge] max_document_mb in mdsa.toml.",
        )


def _require_readable(state: os.stat_result, most: int) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise DocumentUnreadable("is a folder", "Name the files in it.")
    if not stat.S_ISREG(state.st_mode):
        raise DocumentUnreadable("is no regular file but a pipe, a socket or a device", "Copy its content to a file.")
    require_size(state.st_size, most)


def _all(handle: int, most: int) -> bytes:
    parts, left = [], most
    while left > 0 and (part := os.read(handle, min(BLOCK, left))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _state(state: os.stat_result) -> tuple[int, int, int, int]:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _explained(path: str | bytes, error: OSError) -> DocumentUnreadable:
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return DocumentUnreadable("is a symbolic link that leads nowhere", "Mend or remove the link.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DocumentUnreadable("is not there", "Name a file that is there.")
    if isinstance(error, PermissionError):
        return DocumentUnreadable("may not be read by this server", "Give the server's user the right to read it.")
    if error.errno == errno.ELOOP:
        return DocumentUnreadable("is a symbolic link that leads back to itself", "Mend or remove the link.")
    return DocumentUnreadable(f"cannot be read ({error.strerror})", "Check the file and the disk that it is on.")
