"""`mdsa documents` and `mdsa search`: files in, passages out, from a terminal."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from mdsa_server.configuration import load
from mdsa_server.settings import Settings
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

    def reread() -> Settings:
        return load(None, {}, terminal.folder).settings

    async with running(reread(), reread=reread) as server:
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


async def test_a_collection_that_no_domain_answers_from_is_told(terminal: Terminal, server: RunningServer) -> None:
    added = await terminal.mdsa("documents", "add", "manuals", "--collection", "house")
    assert "No domain answers from house yet" in added.err
    assert 'collections = ["house"]' in added.err

    path = terminal.folder / "mdsa.toml"
    path.write_text(path.read_text() + 'collections = ["house"]\n')
    assert (await terminal.mdsa("reload")).code == 0
    assert (await terminal.mdsa("documents", "add", "manuals", "--collection", "house")).err == ""


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


async def test_names_and_texts_that_would_steer_the_terminal_are_written_as_escapes(
    terminal: Terminal, server: RunningServer
) -> None:
    (terminal.folder / "odd").mkdir()
    (terminal.folder / "odd" / "a\x1b[2J.md").write_text("# Pump\u202e\n\nOil it \u202e weekly.\n")
    (terminal.folder / "odd" / "b\x1b[2J.md").write_text("")
    added = await terminal.mdsa("documents", "add", "odd", "--collection", "house")
    listed = await terminal.mdsa("documents", "list")
    found = await terminal.mdsa("search", "oil it weekly")
    assert "b\\x1b[2J.md" in added.err
    assert all("a\\x1b[2J.md" in one.out for one in (listed, found))
    assert "Oil it \\u202e weekly." in found.out
    assert not any(mark in one.out + one.err for one in (added, listed, found) for mark in "\x1b\u202e")


async def test_what_is_not_there_is_told(terminal: Terminal, server: RunningServer) -> None:
    assert "Take some in" in (await terminal.mdsa("documents", "list")).out
    assert (await terminal.mdsa("search", "anything")).out == "Nothing was found.\n"
    missing = await terminal.mdsa("documents", "add", "missing.md", "--collection", "house")
    assert missing.code != 0
    assert "missing.md leads to no file" in missing.err
    unknown = await terminal.mdsa("documents", "show", "none")
    assert unknown.code != 0
    assert "There is no such document" in unknown.err


async def test_what_cannot_be_meant_is_told(terminal: Terminal, server: RunningServer) -> None:
    await terminal.mdsa("documents", "add", "manuals", "--collection", "house")
    for arguments, told in (
        (("documents", "add", "", "--collection", "house"), "is not absolute"),
        (("documents", "add", "~root2/x", "--collection", "house"), "~root2/x leads to no file"),
        (("documents", "add", "manuals", "--collection", "house", "--tag", "x", "--no-tags"), "contradict"),
        (("documents", "list", "--collection", "hose"), "Did you mean house?"),
        (("documents", "reindex", "--collection", "hose"), "Did you mean house?"),
        (("documents", "delete", "--collection", "hose", "--yes"), "Did you mean house?"),
        (("documents", "delete"), "Name documents"),
        (("search", "chimney", "--collection", "hose"), "Did you mean house?"),
        (("search", ""), "there is no word in it"),
        (("search", "?!."), "there is no word in it"),
        (("search", "chimney", "--since", "yesterday"), "does not match"),
        (("documents", "show", "none"), "mdsa documents list"),
    ):
        ended = await terminal.mdsa(*arguments)
        assert (ended.code != 0, told in ended.err, "Traceback" in ended.err) == (True, True, False), (arguments, ended)


async def test_a_search_is_narrowed_by_dates(terminal: Terminal, server: RunningServer) -> None:
    await terminal.mdsa("documents", "add", "manuals", "--collection", "house")
    this_year = f"{datetime.now().year}-01-01"
    assert "Stove" in (await terminal.mdsa("search", "chimney", "--since", this_year)).out
    assert (await terminal.mdsa("search", "chimney", "--until", this_year)).out == "Nothing was found.\n"
    assert "Stove" in (await terminal.mdsa("search", "chimney", "--since", "0001-01-01")).out


async def test_tags_stay_until_they_are_taken_away(terminal: Terminal, server: RunningServer) -> None:
    for options, tags in ((["--tag", "old"], ["old"]), ([], ["old"]), (["--no-tags"], [])):
        await terminal.mdsa("documents", "add", "manuals/pump.md", "--collection", "house", *options)
        (pump,) = json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"]
        assert pump["tags"] == tags


async def test_of_documents_to_delete_those_that_are_there_go(terminal: Terminal, server: RunningServer) -> None:
    await terminal.mdsa("documents", "add", "manuals", "--collection", "house")
    pump, stove = json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"]
    ended = await terminal.mdsa("documents", "delete", pump["id"], "nosuch", stove["id"])
    assert (ended.code, "nosuch" in ended.err) == (1, True)
    assert json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"] == []


async def test_a_collection_is_deleted_once_that_was_meant(terminal: Terminal, server: RunningServer) -> None:
    await terminal.mdsa("documents", "add", "manuals", "--collection", "my/house")
    asked = await terminal.mdsa("documents", "delete", "--collection", "my/house", typed="n\n")
    assert (asked.code, "with its 2 documents" in asked.out) == (1, True), asked
    assert len(json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"]) == 2
    deleted = await terminal.mdsa("documents", "delete", "--collection", "my/house", "--yes")
    assert (deleted.code, deleted.out) == (0, "my/house is deleted, with 2 documents.\n")
    assert json.loads((await terminal.mdsa("documents", "list", "--json")).out)["documents"] == []


async def test_an_interrupt_cancels_the_ingestion(terminal: Terminal, server: RunningServer) -> None:
    ingestions = server.app.state.rooms.ingestions
    async with (
        server.app.state.rooms.library._one_at_a_time,
        terminal.running("documents", "add", "manuals", "--collection", "house") as command,
    ):
        while not ingestions.all():  # noqa: ASYNC110  # no event tells of a request
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.5)  # Its stream begins when its turn has not come for a second.
        ended = await command.ends_when_interrupted()
    assert (ended.code, "Cancelled." in ended.err) == (130, True), ended
    assert [one.progress.problem.code for one in ingestions.all()] == ["cancelled"]
