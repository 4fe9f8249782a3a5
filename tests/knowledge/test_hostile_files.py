"""Files that mean harm, or look like it, cost a clear word and little time, and the next file is read."""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.reading import Reader
from mdsa_server.knowledge.reading_orders import Order
from mdsa_server.knowledge.reading_process import ProcessDied, ReadingProcess
from mdsa_server.vocabulary.ingestion import DocumentRefused
from tests.knowledge.conftest import MEMORY
from tests.knowledge.libraries import Bench
from tests.knowledge.making import docx_bomb, docx_of, pdf

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PARAGRAPH = "<w:p><w:r><w:t>Owls hunt at night.</w:t></w:r></w:p>"
SECONDS = 5.0
"""What a document may take here; where more is asserted, a process may have to be started first."""


@pytest.fixture
async def hasty(tokenizer: Path, tmp_path: Path) -> AsyncIterator[Reader]:
    """A reader with little patience, which must still read well when the test is over."""
    reader = Reader(tokenizer, passage_tokens=128, max_bytes=20_000_000, seconds=SECONDS, memory=MEMORY)
    yield reader
    (tmp_path / "next.md").write_text("# Next\n", "utf-8")
    assert (await reader.read(tmp_path / "next.md"))[0].title == "Next"


async def refused(reader: Reader, path: Path, within: float = SECONDS) -> str:
    """Read a file that cannot be read, and give what is said of it."""
    began = time.monotonic()
    with pytest.raises(DocumentUnreadable) as caught:
        await reader.read(path)
    assert time.monotonic() - began < within
    assert caught.value.detail.startswith(f"{path} ")
    assert caught.value.mend
    return caught.value.detail.removeprefix(f"{path} ")


async def test_200_megabytes_of_text_are_refused_at_once(hasty: Reader, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    assert await refused(hasty, path) == "has 200,000,000 bytes, and a document may have 20,000,000"


async def test_too_large_an_upload_is_refused(hasty: Reader) -> None:
    with pytest.raises(DocumentUnreadable, match=r"large\.txt has 20,000,001 bytes"):
        await hasty.read_bytes(bytes(20_000_001), "large.txt")


async def test_a_pdf_that_unpacks_to_hundreds_of_megabytes_is_refused(hasty: Reader, tmp_path: Path) -> None:
    (tmp_path / "bomb.pdf").write_bytes(pdf(zlib.compress(bytes(300_000_000))))
    assert (await refused(hasty, tmp_path / "bomb.pdf")).startswith("unpacks to more than a document may")


async def test_a_docx_that_unpacks_to_hundreds_of_megabytes_is_refused(hasty: Reader, tmp_path: Path) -> None:
    (tmp_path / "bomb.docx").write_bytes(docx_bomb(400_000_000))
    assert (await refused(hasty, tmp_path / "bomb.docx")).startswith("unpacks to 400,")


async def test_a_small_file_that_says_the_same_a_thousand_times_is_refused(tokenizer: Path) -> None:
    """Splitting and embedding it would take all the time."""
    reader = Reader(tokenizer, passage_tokens=128, max_bytes=1_000_000, seconds=60, memory=MEMORY)
    columns = ",".join(f"a name that is longer than what stands in its column {number}" for number in range(200))
    row = ",".join(["1"] * 200)
    hostile = {
        "owls.docx": docx_of(f"<w:document {WORD}><w:body>{PARAGRAPH * 60_000}</w:body></w:document>"),
        "wide.csv": "\n".join([columns, *[row] * 100]).encode(),
        "owls.pdf": pdf("\n".join(["Owls hunt at night, and hear very well."] * 30_000)),
    }
    for name, content in hostile.items():
        assert len(content) < 1_000_000
        with pytest.raises(DocumentUnreadable, match=r"characters of text, and a document may have 1,000,000"):
            await reader.read_bytes(content, name)
    await reader.close()


async def test_hostile_files_in_a_folder_take_nothing_from_the_others(bench: Bench, folder: Path) -> None:
    hostile = {
        "bomb.pdf": pdf(zlib.compress(zlib.compress(bytes(300_000_000), 9), 9)).replace(
            b"/FlateDecode >>", b"[/FlateDecode /FlateDecode] >>"
        ),
        "deep.docx": docx_of(f"<w:document {WORD}>{'<w:p>' * 100_000}"),
        "page.pdf": b"<!DOCTYPE html><p>Sign in, please",
        "program.txt": b"\x7fELF\2\1\1" + bytes(1000),
    }
    for name, content in hostile.items():
        (folder / name).write_bytes(content)
    await bench.add(folder)
    refused = {Path(event.source).name: event for event in bench.events if isinstance(event, DocumentRefused)}
    assert refused.keys() == hostile.keys()
    assert [document.title for document in await bench.library.documents.find()] == ["The pump", "stove"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the limits of another process")
async def test_the_process_that_reads_is_held_to_its_limits() -> None:
    before = psutil.Process().children()
    process = await ReadingProcess.start(MEMORY)
    (reading,) = [child for child in psutil.Process().children() if child not in before]
    await process.ask(
        Order(content=b"Owls", name="owls.txt", tokenizer=None, passage_tokens=128, max_bytes=1000, seconds=500)
    )
    assert reading.rlimit(psutil.RLIMIT_AS) == (MEMORY, MEMORY)
    assert reading.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    # What it has used before stands above what the order may take.
    assert 500 < reading.rlimit(psutil.RLIMIT_CPU)[0] < 600
    await process.end()


async def test_what_takes_too_long_is_ended(hasty: Reader, tmp_path: Path) -> None:
    (tmp_path / "deep.html").write_text("<div>" * 100_000 + "deep", "utf-8")
    said = await refused(hasty, tmp_path / "deep.html", within=2 * SECONDS)
    assert said == "takes longer to read than the 5 seconds that it may"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows bounds no process's time")
async def test_a_process_that_nobody_ends_any_more_ends_by_itself() -> None:
    process = await ReadingProcess.start(MEMORY)
    with pytest.raises(ProcessDied) as caught:
        await process.ask(
            Order(
                content=b"<div>" * 100_000,
                name="deep.html",
                tokenizer=None,
                passage_tokens=128,
                max_bytes=1_000_000,
                seconds=1,
            )
        )
    assert caught.value.code == -signal.SIGXCPU
    await process.end()


async def test_what_needs_too_much_memory_is_refused(tokenizer: Path, tmp_path: Path) -> None:
    reader = Reader(tokenizer, 128, 200_000_000, 60, memory=300_000_000)
    (tmp_path / "wide.md").write_bytes(b"owl " * 40_000_000)
    said = await refused(reader, tmp_path / "wide.md", within=60)
    assert said == "needs more than the 300 MB of memory that reading may take"
    assert (await reader.read_bytes(b"# Next", "next.md"))[0].title == "Next"


async def test_the_server_answers_others_while_a_slow_document_is_read(hasty: Reader, tmp_path: Path) -> None:
    (tmp_path / "deep.html").write_text("<div>" * 100_000 + "deep", "utf-8")
    slow = asyncio.create_task(refused(hasty, tmp_path / "deep.html", within=2 * SECONDS))
    (tmp_path / "owls.md").write_text("# Owls\n", "utf-8")
    assert (await hasty.read(tmp_path / "owls.md"))[0].title == "Owls"
    assert not slow.done()
    await slow


async def test_a_file_that_grows_all_the_time_is_refused(hasty: Reader, tmp_path: Path) -> None:
    path, over = tmp_path / "log.txt", threading.Event()
    path.write_bytes(b"owl " * 1_000_000)

    def write_on() -> None:
        with path.open("ab", buffering=0) as file:
            while not over.wait(0.0001):
                file.write(b"owl ")

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        assert await refused(hasty, path) == "was changed while it was read"
    finally:
        over.set()
        writer.join()


async def test_what_is_no_file_is_refused_without_waiting_for_it(hasty: Reader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "missing.md")
    (tmp_path / "folder.md").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
    assert "is no regular file" in await refused(hasty, tmp_path / "pipe")
    assert "is no regular file" in await refused(hasty, tmp_path / "socket")
    assert "is no regular file" in await refused(hasty, Path("/dev/zero"))
    assert "leads nowhere" in await refused(hasty, tmp_path / "dangling")
    assert "leads back to itself" in await refused(hasty, tmp_path / "loop")
    assert "is a folder" in await refused(hasty, tmp_path / "folder.md")
    assert "is not there" in await refused(hasty, tmp_path / "folder.md" / "missing.md")
    assert "is not there" in await refused(hasty, tmp_path / "missing.md")
    assert "cannot be the name of a file" in await refused(hasty, tmp_path / "a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
async def test_a_file_that_may_not_be_read_says_so(hasty: Reader, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret", "utf-8")
    (tmp_path / "secret.md").chmod(0)
    assert "may not be read" in await refused(hasty, tmp_path / "secret.md")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.md", b"", "is empty"),
        ("garbage.pdf", b"%PDF-1.7\n" + os.urandom(100_000), "is damaged, or no PDF"),
        ("scanned.pdf", pdf(""), "holds no text on its 1 pages"),
        ("locked.pdf", pdf("Owls", password="secret"), "is encrypted"),
        ("noise.bin", os.urandom(100_000), "is no text"),
        ("garbage.docx", b"PK\x03\x04" + os.urandom(100_000), "is damaged, or no Word document"),
    ],
)
async def test_what_gives_no_text_says_why(
    hasty: Reader, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert reason in await refused(hasty, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "least"),
    [
        ("broken.txt", "Käuze sehen gut. ".encode() * 1000 + b"\xff\xfe\xfd", 20),
        ("line.txt", b"x" * 300_000, 290),
        ("line.csv", b"x" * 300_000, 290),
        ("line.html", b"x" * 300_000, 290),
        ("quotes.csv", b'"' * 300_000, 1),
        ("quoted.md", b">" * 300_000, 1),
        ("spaces.txt", b"a" + b" " * 1_000_000 + b"b", 2),
        ("blank.txt", b"".join(b" " * size + b"a" for size in range(2000)), 100),
        ("rows.csv", b"a,b\n" + b"1,2\n" * 20_000, 1000),
        ("headings.md", b"# a\n" * 10_000, 100),
    ],
)
async def test_what_is_only_strange_is_read(
    hasty: Reader, tmp_path: Path, name: str, content: bytes, least: int
) -> None:
    (tmp_path / name).write_bytes(content)
    document, pieces, _ = await hasty.read(tmp_path / name)
    assert document.text.encode()
    assert len(pieces) >= least
