"""A running server whose engine says what the test tells it to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
async def engine(model: ScriptedModel) -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(model) as engine:
        yield engine


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path, engine=engine.url)) as server:
        yield server
