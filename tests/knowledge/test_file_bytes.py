"""Bytes are taken from regular files only, and only as nobody changed them meanwhile."""

import os
from pathlib import Path

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge import file_bytes
from mdsa_server.knowledge.file_bytes import take


def test_all_bytes_of_a_file_are_taken(tmp_path: Path) -> None:
    content = os.urandom(file_bytes.BLOCK * 2 + 7)
    (tmp_path / "owls").write_bytes(content)
    assert take(str(tmp_path / "owls"), len(content)) == content


def test_a_file_may_have_as_many_bytes_as_are_allowed_and_not_one_more(tmp_path: Path) -> None:
    (tmp_path / "owls").write_bytes(b"owls")
    assert take(str(tmp_path / "owls"), 4) == b"owls"
    with pytest.raises(DocumentUnreadable, match="has 4 bytes, and a document may have 3"):
        take(str(tmp_path / "owls"), 3)


@pytest.mark.parametrize("change", ["grows", "is replaced", "is removed"])
def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path, other = tmp_path / "owls", tmp_path / "other"
    path.write_bytes(b"owls")
    other.write_bytes(b"mice")
    read = os.read

    def read_and_change(handle: int, most: int) -> bytes:
        part = read(handle, most)
        if change == "grows":
            path.write_bytes(b"owls and mice")
        elif change == "is replaced" and other.exists():
            other.replace(path)
        elif change == "is removed":
            path.unlink(missing_ok=True)
        return part

    monkeypatch.setattr(os, "read", read_and_change)
    with pytest.raises(DocumentUnreadable, match="is not there" if change == "is removed" else "was changed while"):
        take(str(path), 1000)


def test_a_pipe_that_takes_the_files_place_makes_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "owls"
    path.write_bytes(b"owls")
    opened = os.open

    def open_late(name: str, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return opened(name, flags)

    monkeypatch.setattr(os, "open", open_late)
    with pytest.raises(DocumentUnreadable, match="is no regular file"):
        take(str(path), 1000)
