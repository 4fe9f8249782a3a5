"""`mdsa audit`: who did what, in lines and as JSON."""

import json

from tests.cli.terminal import Terminal
from tests.serving import RunningServer


async def test_what_was_done_is_listed(terminal: Terminal, server: RunningServer) -> None:
    assert "Nothing was changed yet" in (await terminal.mdsa("audit")).out
    await server.client.post("/api/plugins/clock/disable")
    listed = await terminal.mdsa("audit", "--what", "clock")
    assert listed.code == 0, listed.err
    assert "this machine  disable plugin clock" in listed.out
    leaked = "mdsa_" + "a" * 43
    await server.client.post(f"/api/keys/{leaked}/revoke")
    told = await terminal.mdsa("audit")
    assert (leaked in told.out, "revoke access key (hidden)" in told.out) == (False, True)
    (entry,) = json.loads((await terminal.mdsa("audit", "--what", "clock", "--json")).out)
    assert (entry["operation"], entry["status"]) == ("disable plugin", 200)
