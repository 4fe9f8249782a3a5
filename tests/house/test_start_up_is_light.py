"""What people wait for at every command is little: heavy libraries are imported where they are used."""

import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "apsw",
    "docx",
    "httpx",
    "jinja2",
    "litestar",
    "msgspec",
    "numpy",
    "ollama",
    "onnxruntime",
    "pluggy",
    "prometheus_client",
    "psutil",
    "pydantic",
    "pynvml",
    "pypdf",
    "rich",
    "selectolax",
    "semchunk",
    "sentence_transformers",
    "structlog",
    "tokenizers",
    "torch",
    "uvicorn",
    "xllamacpp",
}


def imported_by(code: str) -> set[str]:
    """Run `code` in a Python of its own and give the top-level packages it has imported by its end."""
    ending = "import sys; print('IMPORTED', *{name.split('.')[0] for name in sys.modules})"
    program = f"import atexit\natexit.register(lambda: exec({ending!r}))\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("IMPORTED ")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import mdsa_server",
        "from mdsa_server.cli import main; main(['--help'])",
        "from mdsa_server.cli import main; main(['serve', '--help'])",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    assert imported_by(code) & HEAVY == set()


def test_the_look_at_imports_sees_them() -> None:
    assert "msgspec" in imported_by("import msgspec")


def test_a_server_can_be_put_together_without_pytorch() -> None:
    """It takes seconds to import, and a server with nothing to embed never needs it."""
    assert not {"torch", "sentence_transformers", "onnxruntime", "tokenizers", "xllamacpp"} & imported_by(
        "import mdsa_server.app"
    )
