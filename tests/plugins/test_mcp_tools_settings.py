"""What is written of MCP servers and cannot be used is told with its key, before any of them is started."""

from typing import Any

import pytest

from tests.plugins.mcp_serving import serving


@pytest.mark.parametrize(
    ("server", "key", "fault"),
    [
        ({}, "", "needs either a command or a url, and not both"),
        ({"command": ["x"], "url": "http://x"}, "", "needs either a command or a url, and not both"),
        ({"command": "python -m x"}, ".command", 'expected "array", got "str"'),
        ({"command": [""]}, "", "has a command with an empty word in it"),
        ({"url": "ftp://x"}, "", "has a url that does not begin with http:// or https:// and a host"),
        ({"url": "http://x", "env": {"A": "b"}}, "", "has env, which goes with a command"),
        ({"command": ["x"], "headers": {"A": "b"}}, "", "has headers, which goes with a url"),
        ({"command": ["x"], "env": {"A": "5 $"}}, "", "has a $ in A that names no variable; write $$ for a $"),
        ({"command": ["x"], "env": {"A": 5}}, ".env.A", 'expected "str", got "int"'),
        ({"command": ["x"], "comand": []}, "", 'object contains unknown field "comand"'),
        ({"command": ["x"], "timeout": 0}, ".timeout", 'expected "float" > 0.0'),
    ],
)
async def test_settings_that_do_not_fit_are_the_owners_fault(server: dict[str, Any], key: str, fault: str) -> None:
    async with serving(fine={"command": ["x"]}, own=server) as registry:
        (unfit,) = registry.unfit_settings
    assert (".".join(unfit.path), unfit.what) == ("plugins.mcp_tools.servers.own" + key, fault)


@pytest.mark.parametrize("name", ["my files", "a.b", "", "a\n", "x" * 33])
async def test_a_servers_name_can_stand_in_the_names_of_tools(name: str) -> None:
    async with serving(**{name: {"command": ["x"]}}) as registry:
        (unfit,) = registry.unfit_settings
    assert unfit.path == ("plugins", "mcp_tools", "servers", name)
    assert "[A-Za-z0-9_-]" in unfit.what
