"""The machine is read in whole where it can be, and what cannot be read is said."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from mdsa_server.monitor.gpu import Gpu
from mdsa_server.monitor.host import Host, HostReading
from mdsa_server.monitor.host_watch import HUNG, HostWatch
from mdsa_server.monitor.statistics import Statistics

NO_GPU: tuple[tuple[Gpu, ...], str] = ((), "none here")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that keeps a core busy, and says when it has begun."""
    command = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_the_machine_is_told_with_the_server_and_its_children(child: subprocess.Popen[bytes]) -> None:
    host = Host(lambda: NO_GPU)
    first = host.read()
    assert (first.processor, first.own_processor) == (None, None)
    deadline = threading.Event()
    deadline.wait(0.3)
    reading = host.read()
    assert reading.faults == ()
    assert reading.cores == os.cpu_count()
    assert reading.processor is not None
    assert 0 < reading.processor <= 1
    assert reading.memory_used is not None
    assert reading.memory_total is not None
    assert 0 < reading.memory_used < reading.memory_total
    server, *children = reading.processes
    assert (server.name, server.pid) == ("server", os.getpid())
    busy = next(process for process in children if process.pid == child.pid)
    assert busy.processor > 0.1
    assert reading.own_memory == sum(process.memory for process in reading.processes)
    assert reading.gpu_note == "none here"


def test_a_child_that_has_ended_is_told_no_more(child: subprocess.Popen[bytes]) -> None:
    host = Host(lambda: NO_GPU)
    assert child.pid in [process.pid for process in host.read().processes]
    child.kill()
    child.wait()
    assert child.pid not in [process.pid for process in host.read().processes]


def test_a_sensor_that_fails_is_said_and_the_others_are_read() -> None:
    def broken() -> tuple[tuple[Gpu, ...], str]:
        raise OSError("it is on fire")

    host = Host(broken)
    host.read()
    reading = host.read()
    assert reading.faults == ("the GPU cannot be read: it is on fire",)
    assert reading.gpu_note == "it cannot be read"
    assert reading.processor is not None


@dataclass
class Sensors:
    """Readings that a test lets come."""

    gate: threading.Event = field(default_factory=threading.Event)
    counted: list[Statistics] = field(default_factory=list)
    last: HostReading | None = None

    def read(self) -> HostReading:
        self.gate.wait(10)
        self.last = Host(lambda: NO_GPU).read()
        return self.last


async def test_a_sensor_that_hangs_holds_nobody_up_and_is_said_until_it_answers() -> None:
    sensors = Sensors()
    watch = HostWatch(sensors.read, sensors.counted.append, patience=0.05)
    looking = asyncio.create_task(watch.look())
    while watch.problem != HUNG:  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.01)
    assert watch.latest is None
    sensors.gate.set()
    await looking
    assert (watch.latest, watch.problem) == (sensors.last, "")
    assert [one.memory.count for one in sensors.counted] == [1]


async def test_a_look_that_is_cut_off_ends_at_once() -> None:
    sensors = Sensors()
    looking = asyncio.create_task(HostWatch(sensors.read, sensors.counted.append).look())
    await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(looking, 1)
    sensors.gate.set()
