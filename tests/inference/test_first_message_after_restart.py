"""A server that starts anew routes its first message by meaning without ever importing PyTorch."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SERVER = """
import asyncio, json, sys
from pathlib import Path
from mdsa_server.inference import query_embedder
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import make_settings, running

HEAVY = {"torch", "transformers", "sentence_transformers", "huggingface_hub"}
DOMAINS = {
    "general": {"description": "Everything else"},
    "cooking": {"description": "Recipes", "examples": ["how long do I boil an egg", "what goes into a pizza dough"]},
    "code": {"description": "Programs", "examples": ["sort a list in Python", "why does my loop never end"]},
}

async def main(folder):
    query_embedder.SETTLE_SECONDS = 0.0
    async with ScriptedOllama(ScriptedModel()) as engine:
        routing = {"routers": ["embedding_router"], "learning_timeout": 120.0}
        settings = make_settings(folder, engine=engine.url, routing=routing, domains=DOMAINS)
        async with running(settings) as server:
            answer = await server.client.post("/api/chat", json={"message": "how do I bake a pizza"}, timeout=150)
            told = {"route": answer.headers["X-MDSA-Route"], "heavy": sorted(HEAVY & set(sys.modules))}
            async with asyncio.timeout(150):
                while not list((settings.data_folder / "encoders").glob("*.onnx")):
                    await asyncio.sleep(0.1)
    print(json.dumps(told))

asyncio.run(main(Path(sys.argv[1])))
"""


def serve_one_message(folder: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", SERVER, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_copy_is_made_once_and_used_by_the_next_server_without_pytorch(tmp_path: Path) -> None:
    first = serve_one_message(tmp_path)
    (copy,) = (tmp_path / "data" / "encoders").iterdir()
    made = copy.stat().st_mtime_ns
    second = serve_one_message(tmp_path)
    assert first["route"].startswith("cooking")
    assert "torch" in first["heavy"]
    assert second["route"].startswith("cooking")
    assert second["heavy"] == []
    assert copy.stat().st_mtime_ns == made
