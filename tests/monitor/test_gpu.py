"""GPUs are read through NVIDIA's own library, here a small one of the same shape, and none is said plainly."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mdsa_server.monitor.gpu import APPLE, NO_DRIVER, Gpus

SOURCE = Path(__file__).with_name("fake_nvml.c")
READ = "import msgspec, mdsa_server.monitor.gpu as gpu; print(msgspec.json.encode(gpu.Gpus().read()).decode())"


def read_with(folder: Path, **defined: int) -> tuple[list[dict[str, object]], str]:
    """Read the GPUs in a Python that finds the small library first."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("a library is made and loaded here with a C compiler on Linux")
    library = folder / "libnvidia-ml.so.1"
    values = [f"-D{name}={value}" for name, value in defined.items()]
    subprocess.run([compiler, "-shared", "-fPIC", *values, "-o", library, SOURCE], check=True)
    environ = os.environ | {"LD_LIBRARY_PATH": str(folder)}
    done = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, env=environ, check=True)
    gpus, note = json.loads(done.stdout)
    return gpus, note


def test_the_cards_of_a_driver_are_told_with_what_each_tells(tmp_path: Path) -> None:
    gpus, note = read_with(tmp_path)
    used, total = 3_000_000_000, 8_000_000_000
    assert gpus == [
        {"name": "Card 1", "load": 0.42, "memory_used": used, "memory_total": total, "temperature": 61},
        {"name": "Card 2", "load": None, "memory_used": used, "memory_total": total, "temperature": None},
    ]
    assert note == ""


def test_a_driver_that_is_not_loaded_is_none(tmp_path: Path) -> None:
    assert read_with(tmp_path, INIT=9) == ([], NO_DRIVER)


def test_a_driver_that_refuses_is_quoted(tmp_path: Path) -> None:
    assert read_with(tmp_path, INIT=4) == ([], "the NVIDIA driver says: Insufficient Permissions")


def test_without_a_driver_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("nvidia-smi"):
        pytest.skip("there is an NVIDIA driver here")
    assert Gpus().read() == ((), NO_DRIVER)


def test_of_apples_gpu_it_is_said_why_it_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert Gpus().read() == ((), APPLE)
