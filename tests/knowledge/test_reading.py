"""A reader gives documents with their pieces, whatever else is asked of it, and says why where it cannot."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from mdsa_server.errors import DocumentUnreadable, EmbedderUnavailable
from mdsa_server.knowledge.reading import Reader
from tests.knowledge.conftest import MEMORY
from tests.knowledge.making import docx, pdf

OWLS = "# Owls\n\nThey see well.\n"


BEFORE: set[Any] = set()
"""The processes of other tests, whose servers and engines run on."""


@pytest.fixture(autouse=True)
def _others() -> None:
    BEFORE.clear()
    BEFORE.update(psutil.Process().children(recursive=True))


def children() -> list[Any]:
    """Give the processes that this test began."""
    return [child for child in psutil.Process().children(recursive=True) if child not in BEFORE]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("owls.md", OWLS.encode(), "markdown"),
        ("owls.pdf", pdf("Owls\nThey see well."), "pdf"),
        ("owls.docx", docx(lambda document: document.add_heading("Owls", 1)), "docx"),
        ("owls.html", b"<h1>Owls</h1>", "html"),
    ],
)
async def test_a_file_is_read_with_its_pieces_and_the_digest_of_its_bytes(
    reader: Reader, tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    (tmp_path / name).write_bytes(content)
    document, pieces, digest = await reader.read(tmp_path / name)
    assert document.type == kind
    assert document.text[pieces[0].start : pieces[0].end].lstrip("# ").startswith("Owls")
    assert digest == hashlib.sha256(content).hexdigest()


async def test_what_was_uploaded_reads_as_the_same_file(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "owls.md").write_text(OWLS, "utf-8")
    assert await reader.read_bytes(OWLS.encode(), "owls.md") == await reader.read(tmp_path / "owls.md")


async def test_a_path_may_be_relative_and_its_name_no_valid_text(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"k\xe4uze.md")
    (tmp_path / name).write_text(OWLS, "utf-8")
    assert (await reader.read(Path(name)))[0].title == "Owls"
    with pytest.raises(DocumentUnreadable, match="is empty"):
        await reader.read_bytes(b"", name)


async def test_a_module_that_lies_where_the_user_stands_takes_no_modules_place(
    tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("csv.py", "struct.py", "msgspec.py", "docx.py"):
        (tmp_path / name).write_text("raise SystemExit('not the real one')", "utf-8")
    reader = Reader(tokenizer, 128, 1_000_000, 30, MEMORY)
    assert (await reader.read(Path("csv.py")))[0].title == "csv.py"


async def test_documents_are_read_two_at_a_time_and_all_of_them(reader: Reader, tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / f"{number}.md").write_text(f"# Owl {number}\n", "utf-8")
    read = await asyncio.gather(*(reader.read(tmp_path / f"{number}.md") for number in range(8)))
    assert [document.title for document, _, _ in read] == [f"Owl {number}" for number in range(8)]
    assert 1 <= len(children()) <= 2


async def test_without_a_tokenizer_pieces_have_four_characters_a_token() -> None:
    reader = Reader(None, 32, 1_000_000, 30, MEMORY)
    _, pieces, _ = await reader.read_bytes(b"They see well. " * 100, "owls.txt")
    assert 100 <= max(piece.end - piece.start for piece in pieces) <= 128


async def test_an_endless_title_is_cut_to_what_it_may_take(reader: Reader) -> None:
    document, _, _ = await reader.read_bytes(f"# {'kingfisher ' * 200}\n\ntext".encode(), "owls.md")
    assert document.title.endswith("…")
    assert len(document.title) < 128


async def test_a_cancelled_reading_leaves_no_process_and_the_next_one_works(tmp_path: Path, tokenizer: Path) -> None:
    reader = Reader(tokenizer, 128, 20_000_000, 60, MEMORY)
    slow = asyncio.create_task(reader.read_bytes(b"<div>" * 100_000, "slow.html"))
    async with asyncio.timeout(30):
        while not children():  # noqa: ASYNC110  # nothing but the system tells that a process began
            await asyncio.sleep(0.01)
    [process] = children()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert not process.is_running()
    assert (await reader.read_bytes(OWLS.encode(), "owls.md"))[0].title == "Owls"


async def test_a_process_that_was_killed_while_idle_is_replaced(reader: Reader) -> None:
    await reader.read_bytes(OWLS.encode(), "owls.md")
    [process] = children()
    process.kill()
    assert (await reader.read_bytes(OWLS.encode(), "owls.md"))[0].title == "Owls"
    assert children() != [process]


async def test_a_tokenizer_that_is_not_there_is_no_documents_fault(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "missing.json", 128, 1_000_000, 30, MEMORY)
    with pytest.raises(EmbedderUnavailable, match=r"missing\.json"):
        await reader.read_bytes(OWLS.encode(), "owls.md")


async def test_a_process_that_does_not_start_is_said_so(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in (shutil.which("false"), "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(DocumentUnreadable, match=r"owls\.md could not be read, because the process"):
            await reader.read_bytes(OWLS.encode(), "owls.md")


def test_the_process_imports_nothing_heavy() -> None:
    code = (
        "import sys, mdsa_server.knowledge.reading_child\n"
        "from mdsa_server.knowledge.formats import choose, docx, html, markdown, pdf, table\n"
        "import tokenizers\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert "pypdf" in imported
    assert not {"torch", "sentence_transformers", "transformers", "litestar", "apsw", "numpy"} & imported


def test_the_server_imports_no_reader_of_formats() -> None:
    code = "import sys, mdsa_server.knowledge.reading; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert not {"pypdf", "docx", "lxml", "selectolax", "semchunk", "tokenizers", "markdown_it"} & imported
