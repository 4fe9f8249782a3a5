"""`mdsa documents` and `mdsa search`: files in, passages out, from a terminal."""

import json
from collections.abc import AsyncIterator

import pytest

from mdsa_server.configuration import load
from tests.cli.terminal import Terminal
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running


@pytest.fixture
async def server(terminal: Terminal, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    terminal.configure(engine.url)
    manuals = terminal.folder / "manuals"
    manuals.mkdir()
    (manuals / "pump.md").write_text("# Pump\n\n## Care\n\nOil the bearing every week.\n")
    (manuals / "stove.md").write_text("# Stove\n\nSweep the chimney once a year.\n")
    async with running(load(None, {}, terminal.folder).settings) as server:
        yield server


async def test_a_folder_is_taken_in_listed_shown_searched_and_deleted(
    terminal: Terminal, server: RunningServer
) -> None:
    added = await terminal.mdsa("documents", "add", "manuals", "--collection", "house")
    assert (added.code, added.out.startswith("2 new; 2 passages in ")) == (0, True), added
    assert (await terminal.mdsa("documents", "add", "manuals/*.md", "--collection", "house")).out == "2 unchanged\n"

    listed = json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"]
    assert [one["title"] for one in listed] == ["Pump", "Stove"]
    table = (await terminal.mdsa("documents", "list", "--collection", "house")).out
    assert all(one["id"] in table and one["source"] in table for one in listed)

    shown = (await terminal.mdsa("documents", "show", listed[0]["id"])).out
    assert "Oil the bearing every week." in shown

    found = (await terminal.mdsa("search", "sweep the chimney", "--most", "1")).out
    assert found.startswith("[1] Stove")
    assert {"bm25", "cosine"} <= set(found.split())
    as_json = json.loads((await terminal.mdsa("search", "chimney", "--collection", "house", "--json")).out)
    assert as_json["passages"][0]["title"] == "Stove"

    assert (await terminal.mdsa("documents", "delete", listed[0]["id"])).code == 0
    left = json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"]
    assert [one["title"] for one in left] == ["Stove"]


async def test_a_synced_folder_loses_what_is_gone(terminal: Terminal, server: RunningServer) -> None:
    await terminal.mdsa("documents", "sync", "manuals", "--collection", "house")
    (terminal.folder / "manuals" / "pump.md").unlink()
    synced = await terminal.mdsa("documents", "sync", "manuals", "--collection", "house")
    assert synced.out == "1 unchanged, 1 gone\n"
    assert "pump.md" in synced.err


async def test_a_refused_file_is_told_and_ends_it_with_1(terminal: Terminal, server: RunningServer) -> None:
    (terminal.folder / "manuals" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    added = await terminal.mdsa("documents", "add", "manuals", "--collection", "house")
    assert (added.code, added.out.startswith("2 new, 1 refused")) == (1, True), added
    assert "broken.pdf" in added.err


async def test_what_is_not_there_is_told(terminal: Terminal, server: RunningServer) -> None:
    assert "Take some in" in (await terminal.mdsa("documents", "list")).out
    assert (await terminal.mdsa("search", "anything")).out == "Nothing was found.\n"
    missing = await terminal.mdsa("documents", "add", "missing.md", "--collection", "house")
    assert missing.code != 0
    assert "missing.md leads to no file" in missing.err
    unknown = await terminal.mdsa("documents", "show", "none")
    assert unknown.code != 0
    assert "There is no such document" in unknown.err
