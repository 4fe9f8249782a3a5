"""An ingestion that is killed at any moment leaves every document whole or absent."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.knowledge.libraries import PUMP, finished, opened


def ingesting(data: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A process that takes a folder in."""
    return subprocess.Popen(
        [sys.executable, "-c", INGESTING, str(data), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )


INGESTING = """
import asyncio, sys
from pathlib import Path
from mdsa_server.vocabulary.passages import Passage
from tests.knowledge.libraries import opened

async def main():
    async with opened(Path(sys.argv[1])) as bench:
        print("begun", flush=True)
        await bench.add(Path(sys.argv[2]))

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(int(os.environ.get("MDSA_KILLS", "5"))))
async def test_killed_at_any_moment_every_document_is_whole_or_absent(tmp_path: Path, seed: int) -> None:
    folder, data = tmp_path / "many", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    for number in range(60):
        (folder / f"{number:02}.md").write_text(f"# Part {number}\n\n" + PUMP * 3)
    texts = {str(file): file.read_text() for file in folder.iterdir()}
    process = ingesting(data, folder)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == b"begun\n"
    await asyncio.sleep(random.Random(seed).uniform(0.1, 1.5))
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    process.stdout.close()
    async with opened(data) as bench:
        for document in await bench.library.documents.find():
            _, passages = await bench.library.documents.read(document.id)
            assert "".join(passage.text for passage in passages) == texts[document.source]
        assert await bench.library.lacking() == 0
        await bench.search("oil the bearing")
        end = finished(await bench.add(folder))
        assert end.new + end.unchanged == 60
        assert len(await bench.search("oil the bearing")) > 0
