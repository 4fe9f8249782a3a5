"""What domains name and what is said of approval must fit the tools on offer."""

from pathlib import Path

import pytest

from mdsa_server.configuration import Loaded
from mdsa_server.configuration.tool_checks import denied_tools, idle_approvals, unoffered_tools, withheld_tools
from tests.configuration.configurations import domains, load_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_tool_that_no_plugin_offers_is_found_and_the_likeliest_is_named(folder: Path) -> None:
    loaded = domains(folder, one='tools = ["clock", "calculater"]', two='tools = ["oven"]')
    near, far = unoffered_tools(loaded.settings, ["clock", "calculator"], places=loaded.places)
    assert (near.line, near.key) == (5, "domains.one.tools")
    assert near.what == 'no plugin offers a tool named "calculater"'
    assert near.mend == "Did you mean calculator?"
    assert (far.key, far.mend) == ("domains.two.tools", "mdsa plugins lists the tools on offer.")


def test_a_pattern_of_tools_must_name_one_that_is_on_offer(folder: Path) -> None:
    loaded = domains(folder, one='tools = ["mcp.time.*", "mcp.files.*", "MCP.*"]')
    faults = unoffered_tools(loaded.settings, ["now", "mcp.time.convert_time"], places=loaded.places)
    assert [fault.what for fault in faults] == [
        'no plugin offers a tool named "mcp.files.*"',
        'no plugin offers a tool named "MCP.*"',
    ]


def test_a_tool_that_is_withheld_is_told_with_the_reason_and_is_no_fault(folder: Path) -> None:
    loaded = domains(folder, one='tools = ["now", "mcp.files.read", "mcp.f*.list", "oven"]')
    withheld = {"mcp.files.*": "the MCP server files is down", "mcp.other.*": "the MCP server other is down"}
    (fault,) = unoffered_tools(loaded.settings, ["now"], places=loaded.places, withheld=withheld)
    assert fault.what == 'no plugin offers a tool named "oven"'
    one, pattern = withheld_tools(loaded.settings, ["now"], withheld, loaded.places)
    assert (one.line, one.key) == (5, "domains.one.tools")
    assert one.what == '"mcp.files.read" is not on offer now: the MCP server files is down'
    assert pattern.what == '"mcp.f*.list" is not on offer now: the MCP server files is down'


def approving(folder: Path, rules: str, tools: str = "[]") -> Loaded:
    """Load rules of approval, and a domain with tools."""
    return load_text(folder, f'[domains.general]\ndescription = "x"\ntools = {tools}\n[tools.approval]\n{rules}')


def test_a_rule_of_approval_must_hold_for_a_tool_that_is_on_offer(folder: Path) -> None:
    loaded = approving(folder, 'send_mail = "ask"\nsend_mial = "deny"\n"oven*" = "deny"\n"mcp.t*" = "ask"')
    name, pattern = idle_approvals(loaded.settings, ["send_mail", "mcp.time.now"], places=loaded.places)
    assert (name.line, name.key) == (6, "tools.approval.send_mial")
    assert name.what == 'no plugin offers a tool named "send_mial", so the rule holds for nothing'
    assert name.mend == "Did you mean send_mail?"
    assert (pattern.line, pattern.mend) == (7, "mdsa tools lists the tools on offer.")


def test_a_rule_for_what_is_held_back_is_not_taken_for_misspelt(folder: Path) -> None:
    loaded = approving(folder, '"mcp.files.erase" = "deny"\noven = "ask"')
    withheld = {"mcp.files.*": "the MCP server files is down"}
    (fault,) = idle_approvals(loaded.settings, ["now"], ["kitchen"], loaded.places, withheld)
    assert fault.key == "tools.approval.oven"
    assert fault.mend == "kitchen may offer it, and is out of use: mdsa plugins says why."


def test_a_domain_that_names_a_tool_that_may_never_be_called_is_found(folder: Path) -> None:
    loaded = approving(folder, '"mcp.*" = "deny"\n"mcp.time.*" = "auto"', '["mcp.files.*", "mcp.*", "mcp.time.now"]')
    (fault,) = denied_tools(loaded.settings, ["mcp.files.erase", "mcp.files.read", "mcp.time.now"], loaded.places)
    assert (fault.line, fault.key) == (3, "domains.general.tools")
    assert fault.what == '"mcp.files.*" may never be called: approval in [tools] denies it'
