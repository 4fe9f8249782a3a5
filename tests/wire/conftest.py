"""Each test of the suite runs against each engine; the engines are started once."""

from collections.abc import AsyncIterator, Iterator

import pytest

from mdsa_server.inference.ollama import OllamaClient
from tests.fakes.script import Calls, ScriptedModel, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.wire.engines import Engine, embedded_engine, real_engine


@pytest.fixture(scope="session")
def embedded() -> Iterator[Engine]:
    with embedded_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with real_engine(tmp_path_factory.mktemp("ollama") / "server.log") as engine:
        yield engine


@pytest.fixture
async def scripted() -> AsyncIterator[Engine]:
    model = ScriptedModel(
        says=lambda asked: _said(bool(asked.tools), bool(asked.format)),
        capabilities=("completion", "tools"),
        load_seconds=0.15,
        token_seconds=0.002,
    )
    async with ScriptedOllama(model) as engine:
        yield Engine(engine.url, model.name, tools=True, process=0)


MODELS = ["embedded", pytest.param("real", marks=pytest.mark.ollama)]


def _said(tools: bool, format: bool) -> list[Step]:
    if tools:
        return [Calls("get_weather", {"city": "Paris"})]
    if format:
        return ['{"capital": ', '"Paris", "population": 2000000}']
    return ["The capital", " of", " France is", " Paris", "."] * 8


@pytest.fixture(params=["scripted", *MODELS])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every engine there is."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture(params=MODELS)
def model_engine(request: pytest.FixtureRequest) -> Engine:
    """The engines with a model that really generates."""
    engine: Engine = request.getfixturevalue(request.param)
    return engine


@pytest.fixture
async def client(request: pytest.FixtureRequest) -> AsyncIterator[OllamaClient]:
    """The server's own client, for whichever engine the test is run against."""
    name = "engine" if "engine" in request.fixturenames else "model_engine"
    client = OllamaClient(request.getfixturevalue(name).url)
    yield client
    await client.close()
