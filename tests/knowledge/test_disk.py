"""A disk that does not answer holds up nobody for good."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.disk import Abandoned, GoOn, asked


async def test_what_the_disk_answers_is_given_and_what_it_raises_is_raised() -> None:
    assert await asked(lambda _: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await asked(lambda _: 1 // 0)


async def test_a_disk_that_does_not_answer_is_told() -> None:
    silent = threading.Event()
    with pytest.raises(DocumentUnreadable, match=r"has not answered for 0\.05 seconds"):
        await asked(lambda _: silent.wait(30), 0.05)
    silent.set()


async def test_long_work_ends_once_nobody_waits_for_it() -> None:
    ended = threading.Event()

    def work(go_on: GoOn) -> None:
        try:
            while True:
                go_on()
                time.sleep(0.001)
        except Abandoned:
            ended.set()
            raise

    asking = asyncio.create_task(asked(work))
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(ended.wait, 5)


def test_a_program_ends_although_the_disk_never_answers() -> None:
    code = (
        "import asyncio, threading\n"
        "from mdsa_server.knowledge.disk import asked\n"
        "async def main():\n"
        "    asyncio.create_task(asked(lambda _: threading.Event().wait()))\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0
