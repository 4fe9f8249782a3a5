"""A running server before a scripted engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama() as engine:
        yield engine


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        yield server


@pytest.fixture
def client(server: RunningServer) -> httpx.AsyncClient:
    return server.client
