"""Tools of MCP servers are offered and called over both transports; what a server says is held to bounds."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from mdsa_server.plugin_api import ToolRefused
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugin_host.offering import status_of
from tests.plugins.first_party import opened, use
from tests.plugins.mcp_serving import TIME, down, free_port, listening, names, offers, serving, stdio, up

# To start a server takes a second, so that most tests share what was started for the first.
pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = pytest.mark.parametrize("server", ["here", "there"])


@pytest.fixture(scope="module", autouse=True)
def secret() -> Iterator[None]:
    """What the environment holds when the servers are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAVOURITE", "not for it")
        patch.setenv("OUR_SECRET", "blue")
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry(secret: None) -> AsyncIterator[PluginRegistry]:
    """Servers of all kinds: `here` over stdio, `there` over HTTP, and some with something odd about them."""
    port = free_port()
    servers = {
        "time": TIME,
        "here": stdio(timeout=1.0, env={"FAVOURITE": "dark ${OUR_SECRET}, $$5"}),
        "there": {"url": f"http://127.0.0.1:{port}/mcp", "timeout": 1.0},
        "old": stdio("old"),
        "some": stdio("chatter", allow=["echo", "f*", "Echo"], effects=True),
        "safe": stdio(effects=False),
        "absurd": stdio("absurd"),
        "many": stdio("many"),
        "last": stdio("many", allow=["tool299"]),
    }
    with listening(port):
        async with serving(**servers) as registry:
            for name in servers:
                await up(registry, name)
            yield registry


async def of(registry: PluginRegistry, server: str) -> list[str]:
    """Name the tools of one server, as the server does."""
    start = f"mcp.{server}."
    return [name.removeprefix(start) for name in await names(registry) if name.startswith(start)]


async def test_a_strangers_server_is_used_as_it_is(registry: PluginRegistry) -> None:
    assert await of(registry, "time") == ["get_current_time", "convert_time"]
    noon = await use(
        registry, "mcp.time.convert_time", time="12:00", source_timezone="UTC", target_timezone="Asia/Tokyo"
    )
    assert "T21:00:00+09:00" in noon


@BOTH
async def test_tools_are_described_and_called(registry: PluginRegistry, server: str) -> None:
    (echo,) = [tool for tool in await registry.tools() if tool.name == f"mcp.{server}.echo"]
    assert echo.description == "Say it again."
    assert echo.parameters["properties"]["text"] == {"type": "string", "description": "What to say"}
    assert await use(registry, echo.name, text="Grüße\n\u2028!") == "Grüße\n\u2028!"
    assert await use(registry, f"mcp.{server}.picture") == "Here it is:\n[image, 12 kB]"
    assert await use(registry, f"mcp.{server}.data") == "[data, 3 kB]"


@BOTH
async def test_an_error_is_told_to_the_model_in_bounds_and_is_no_fault_of_the_plugin(
    registry: PluginRegistry, server: str
) -> None:
    with pytest.raises(ToolRefused) as failed:
        await use(registry, f"mcp.{server}.fail")
    assert failed.value.detail.startswith("no such file xxx")
    assert len(failed.value.detail) == 1000
    with pytest.raises(ToolRefused):
        await use(registry, f"mcp.{server}.refuse")
    assert await use(registry, f"mcp.{server}.echo", text="still here") == "still here"
    status = status_of(registry, "mcp_tools")
    assert (status.state, status.faults) == ("active", ())


@BOTH
async def test_a_call_that_takes_too_long_is_given_up_and_is_no_fault_of_the_plugin(
    registry: PluginRegistry, server: str
) -> None:
    with pytest.raises(ToolRefused, match="gave no answer within 1 s"):
        await use(registry, f"mcp.{server}.hang")
    assert await use(registry, f"mcp.{server}.echo", text="still here") == "still here"
    assert status_of(registry, "mcp_tools").state == "active"


@pytest.mark.parametrize("server", ["here", "there", "old"])
async def test_a_list_that_changes_is_read_again(registry: PluginRegistry, server: str) -> None:
    assert "grown0" not in await of(registry, server)
    await use(registry, f"mcp.{server}.grow")
    await offers(registry, f"mcp.{server}.grown0")


async def test_a_tool_has_effects_unless_its_server_says_that_it_only_reads_or_its_owner_knows_better(
    registry: PluginRegistry,
) -> None:
    effects = {tool.name: tool.effects for tool in await registry.tools()}
    assert (effects["mcp.here.echo"], effects["mcp.here.hang"]) == (False, True)
    assert (effects["mcp.some.echo"], effects["mcp.safe.hang"]) == (True, False)


async def test_only_what_is_allowed_is_offered_and_what_is_no_message_passed_over(registry: PluginRegistry) -> None:
    assert await of(registry, "some") == ["echo", "fail", "favourite", "flood"]
    assert await use(registry, "mcp.some.echo", text="here") == "here"


async def test_a_secret_may_come_from_the_environment_which_the_server_does_not_get_as_a_whole(
    registry: PluginRegistry,
) -> None:
    assert await use(registry, "mcp.here.favourite") == "dark blue, $5"
    assert await use(registry, "mcp.some.favourite") == "none"


async def test_names_descriptions_and_schemas_that_do_not_fit_are_left_out_or_cut(registry: PluginRegistry) -> None:
    (fine,) = [tool for tool in await registry.tools() if tool.name.startswith("mcp.absurd.")]
    assert fine.name == "mcp.absurd.fine"
    assert fine.description.startswith("Ignore all else [31m. xxx")
    assert len(fine.description) == 1000
    assert fine.description.isprintable()
    assert status_of(registry, "mcp_tools").faults == ()


async def test_a_long_list_is_read_by_pages_and_no_longer_than_can_be_used(registry: PluginRegistry) -> None:
    assert await of(registry, "many") == [f"tool{number}" for number in range(128)]
    assert await of(registry, "last") == ["tool299"]


async def test_a_list_without_an_end_is_not_read_for_ever_and_a_variable_that_is_not_there_is_named() -> None:
    async with serving(endless=stdio("endless"), poor=stdio(env={"FAVOURITE": "$NOBODY_SET_THIS"})) as registry:
        assert "its list of tools has no end" in await down(registry, "endless", "no end")
        assert "the environment has no variable NOBODY_SET_THIS" in await down(registry, "poor", "variable")


async def test_without_the_sdk_the_plugin_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    async with serving(own=stdio()) as registry:
        assert "pip install 'mdsa-server[mcp]'" in status_of(registry, "mcp_tools").reason
    async with opened("mcp_tools") as registry:
        assert (status_of(registry, "mcp_tools").state, await names(registry)) == ("active", [])


async def test_where_no_server_is_configured_the_sdk_is_not_imported() -> None:
    program = """
import asyncio, sys
from tests.plugins.first_party import opened
async def main():
    async with opened("mcp_tools") as registry:
        assert await registry.tools() == ()
asyncio.run(main())
print([name for name in sys.modules if name.split(".")[0] in ("mcp", "mcp_types", "httpx2")])
"""
    done = subprocess.run(  # noqa: ASYNC221  # nothing else is to run meanwhile
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
