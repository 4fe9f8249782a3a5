"""What tests of several rooms begin with: an engine that says what it is told to, and a terminal in a folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.cli.terminal import Terminal
from tests.fakes.script import ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama

# A machine may have other things to do: how long an example takes says nothing of whether it is right.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def model() -> ScriptedModel:
    """The engine's only model."""
    return ScriptedModel()


@pytest.fixture
async def engine(model: ScriptedModel) -> AsyncIterator[ScriptedOllama]:
    async with ScriptedOllama(model) as engine:
        yield engine


@pytest.fixture
def terminal(tmp_path: Path, engine: ScriptedOllama) -> Terminal:
    """A terminal in a folder of its own, with a configuration that names the engine."""
    terminal = Terminal(tmp_path)
    terminal.configure(engine.url)
    return terminal
