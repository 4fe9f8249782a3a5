"""`mdsa doctor`: a row for each check, and an exit code that scripts can go by."""

import json

from mdsa_server.store.data_folder import DATABASE_FILE
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer


async def test_where_all_is_well_it_ends_with_0(
    terminal: Terminal, server: RunningServer, engine: ScriptedOllama
) -> None:
    # Loading a model of its own takes seconds; what becomes of that is looked at elsewhere.
    terminal.configure(engine.url, '[embedding]\nprovider = "ollama"\nmodel = "scripted:1b"\n')
    done = await terminal.mdsa("doctor", "--json")
    checks = json.loads(done.out)
    assert [check for check in checks if check["state"] != "ok"] == []
    assert done.code == 0
    assert {"Python", "SQLite", "engine", "embedding model", "reading documents", "database", "server"} <= {
        check["what"] for check in checks
    }


async def test_whatever_is_broken_it_tells_in_rows_and_ends_with_1(terminal: Terminal) -> None:
    terminal.configure("http://127.0.0.1:9", "[embedding]\nmodel = 'absent/none'\n[tools]\napproval = 7\n")
    data = terminal.folder / "data"
    data.mkdir(0o777)
    (data / DATABASE_FILE).write_bytes(b"a letter to my aunt " * 1000)
    (data / "server.json").write_bytes(b"{")
    done = await terminal.mdsa("doctor")
    assert (done.code, done.err) == (1, "")
    rows = [line.split()[:2] for line in done.out.splitlines()]
    for what in ("configuration", "engine", "embedding", "database"):
        assert ["fault", what] in rows, done.out
    assert "Traceback" not in done.out
