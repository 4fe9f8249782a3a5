"""The engines that the suite is run against, each a process of its own."""

import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mdsa_server.embedded_process import embedded_problem

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MDSA_SHARED") or ROOT.parent / "shared").resolve()
REAL_FOLDER = ROOT / ".real-ollama"
REAL_MODEL = "smol"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Engine:
    """An engine that listens, with a chat model to ask."""

    url: str
    model: str
    tools: bool
    """Whether the model declares tools."""
    process: int
    """The id of its process."""


@contextmanager
def embedded_engine() -> Iterator[Engine]:
    """The stand-in. Skips the test where its parts are not installed."""
    if problem := embedded_problem():
        pytest.skip(f"the embedded engine cannot run: {problem}")
    process = subprocess.Popen(
        [sys.executable, "-m", "mdsa_server.embedded_ollama"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Engine(json.loads(process.stdout.readline())["url"], "smollm2:135m", tools=False, process=process.pid)
        process.stdin.close()
        process.wait(timeout=10)


@contextmanager
def real_engine(
    log: Path, *, models: Sequence[str] = (REAL_MODEL,), port: int = 0, **settings: str
) -> Iterator[Engine]:
    """A real Ollama, installed at first use, with models of their own weights and `settings` in its environment.

    Skips the test where that is not possible.
    """
    binary = _installed_ollama()
    port = port or free_port()
    environment = {
        **os.environ,
        **settings,
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(REAL_FOLDER / "models"),
        "HOME": str(REAL_FOLDER),
    }
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen([binary, "serve"], env=environment, stdout=output, stderr=subprocess.STDOUT)
    with process:
        try:
            _wait_until_it_answers(process, url, log)
            _make_models(binary, url, environment, models)
            yield Engine(url, models[0], tools=False, process=process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _installed_ollama() -> Path:
    script = SHARED / "ollama" / "install_real_ollama.sh"
    if not script.is_file():
        pytest.skip(f"no {script.name} under {SHARED} (MDSA_SHARED) to install a real Ollama with")
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"a real Ollama is installed on Linux x86_64 only, not on {platform.system()} {platform.machine()}")
    done = subprocess.run(["bash", script, REAL_FOLDER], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a real Ollama could not be installed: {done.stderr.strip()[-300:]}")
    return REAL_FOLDER / "bin" / "ollama"


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/api/version", timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.05)  # A process that is starting can only be asked again.
        else:
            return
    pytest.fail(f"the real Ollama did not start: {log.read_text(errors='replace')[-500:]}")


def _make_models(binary: Path, url: str, environment: dict[str, str], models: Sequence[str]) -> None:
    with urllib.request.urlopen(f"{url}/api/tags", timeout=10) as response:
        names = {model["name"] for model in json.load(response)["models"]}
    missing = [model for model in models if f"{model}:latest" not in names]
    if not missing:
        return
    script = SHARED / "ollama" / "make_test_models.py"
    done = subprocess.run(
        [sys.executable, script, binary, *missing], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"the real Ollama's test model could not be made: {(done.stderr or done.stdout).strip()[-300:]}")
