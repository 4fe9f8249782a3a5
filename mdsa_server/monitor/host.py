"""The machine now: its processor and memory, what of them is ours, and its GPUs."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

import psutil
from msgspec import Struct

from mdsa_server.monitor.gpu import Gpu, Gpus

T = TypeVar("T")

EMBEDDED_ENGINE = "mdsa_server.embedded_ollama"


class ProcessReading(Struct, frozen=True, kw_only=True):
    """One process of ours."""

    name: str
    pid: int
    processor: float
    """In cores: 1.5 is one and a half of them busy."""
    memory: int
    """Resident, in bytes; shared pages count in each process."""


NO_PROCESSES: tuple[ProcessReading, ...] = ()
NO_GPUS: tuple[tuple[Gpu, ...], str] = (), "it cannot be read"


class HostReading(Struct, frozen=True, kw_only=True):
    """The machine at one moment; loads are those since the reading before. None is what cannot be told."""

    at: float
    """Seconds since 1970."""
    cores: int
    processor: float | None
    """The share of all cores that was busy, 0 to 1."""
    own_processor: float | None
    """The same of what our processes kept busy."""
    memory_total: int | None
    memory_used: int | None
    own_memory: int | None
    processes: tuple[ProcessReading, ...]
    """The server first, then its children."""
    gpus: tuple[Gpu, ...]
    gpu_note: str
    """Why none is shown; empty where one is."""
    faults: tuple[str, ...]
    """Why something cannot be told."""


class Host:
    """Reads the machine that this process runs on. Blocks: call it in a thread."""

    def __init__(self, gpus: Callable[[], tuple[tuple[Gpu, ...], str]] | None = None) -> None:
        """`gpus` reads the GPUs."""
        self._gpus = gpus or Gpus().read
        self._server = psutil.Process()
        self._known: dict[int, psutil.Process] = {}
        """Children, kept from one reading to the next: each knows what it had used before."""
        self._begun = False

    def read(self) -> HostReading:
        """Read everything; what fails is left out, and said. The first reading knows no loads."""
        faults: list[str] = []

        def sensor(name: str, read: Callable[[], T], without: T) -> T:
            try:
                return read()
            except Exception as error:  # Of a system that nobody has tried: whatever breaks, the rest is worth having.
                faults.append(f"{name} cannot be read: {str(error) or type(error).__name__}")
                return without

        processor = sensor("the processor", lambda: psutil.cpu_percent() / 100, None)
        memory = sensor("the memory", psutil.virtual_memory, None)
        processes = sensor("the processes", self._processes, NO_PROCESSES)
        gpus, gpu_note = sensor("the GPU", self._gpus, NO_GPUS)
        cores = os.cpu_count() or 1
        begun, self._begun = self._begun, True
        own = sum(process.processor for process in processes) / cores
        # Some systems that are guests of others count nobody's load but each process's.
        processor = None if processor is None else min(max(processor, own), 1.0)
        return HostReading(
            at=time.time(),
            cores=cores,
            processor=processor if begun else None,
            own_processor=own if begun and processes else None,
            memory_total=memory.total if memory else None,
            memory_used=memory.total - memory.available if memory else None,
            own_memory=sum(process.memory for process in processes) if processes else None,
            processes=processes,
            gpus=gpus,
            gpu_note=gpu_note,
            faults=tuple(faults),
        )

    def _processes(self) -> tuple[ProcessReading, ...]:
        # The same object for as long as a process lives: its load is counted from the call before.
        children = {child.pid: self._known.get(child.pid, child) for child in self._server.children(recursive=True)}
        self._known = {pid: child for pid, child in children.items() if child.is_running()}
        readings = [_reading(self._server, "server")]
        for child in self._known.values():
            try:
                readings.append(_reading(child, _name(child)))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue  # It has ended meanwhile, or is somebody else's by now.
        return tuple(readings)


def _reading(process: psutil.Process, name: str) -> ProcessReading:
    with process.oneshot():
        load = process.cpu_percent() / 100
        return ProcessReading(name=name, pid=process.pid, processor=load, memory=process.memory_info().rss)


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    if EMBEDDED_ENGINE in command:
        return "embedded engine"
    return str(process.name())
