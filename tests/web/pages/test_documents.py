"""The pages of documents: listed, taken in, searched, read and deleted, with scripts and without."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mdsa_server.vocabulary.documents import Embedding
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.pages.documents import HTMX, PLAIN, PUMP, page, sent, taken_in


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(make_settings(tmp_path / "data", engine=engine.url)) as server:
        yield server


async def test_a_server_without_documents_says_how_to_begin(server: RunningServer) -> None:
    shown = await page(server, "/documents")
    assert "No documents yet" in shown
    assert 'collections = ["pumps"]' in shown
    assert '<a href="/documents" aria-current="page">Documents</a>' in shown


async def test_documents_are_listed_with_their_collections(server: RunningServer) -> None:
    await taken_in(server, {"pump.md": PUMP, "notes.txt": "A note."})
    await taken_in(server, {"stove.md": "# Stove\n\nSweep it.\n"}, "fire & heat")
    shown = await page(server, "/documents")
    assert 'All <span class="quiet">3 documents, 5 passages</span>' in shown
    assert 'href="/documents?collection=fire%20%26%20heat"' in shown
    assert '<option value="fire & heat">' in shown
    for told in ("Pump</a>", "pump.md", ">markdown<", "3 passages", "just now", ">own<", "notes.txt"):
        assert told in shown, told
    narrowed = await page(server, "/documents?collection=fire%20%26%20heat")
    assert "Stove</a>" in narrowed
    assert "Pump</a>" not in narrowed
    assert 'name="collection" value="fire & heat"' in narrowed


async def test_more_documents_come_by_a_link_also_when_the_last_one_was_deleted(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdsa_server.web.pages.documents.DOCUMENTS_SHOWN", 2)
    _, second, *_ = await taken_in(server, {f"{name}.txt": f"Note {name}." for name in "abcd"})
    first = await page(server, "/documents")
    more = first.partition('<li class="more">')[2].partition('href="')[2].partition('"')[0]
    await server.client.delete(f"/api/documents/{second}")
    rest = await page(server, more)
    assert [f"{name}.txt</p>" in first for name in "abcd"] == [True, True, False, False]
    assert [f"{name}.txt</p>" in rest for name in "abcd"] == [False, False, True, True]
    assert '<li class="more">' not in rest


async def test_a_folder_of_the_machine_is_taken_in(server: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.md").write_text(PUMP)
    shown = await page(server, f"/documents/{(await taken_in(server, {'sent.md': PUMP}, 'others'))[0]}")
    assert ("<dt>Written</dt>" in shown, "<dt>Taken in</dt>" in shown) == (False, True), "nobody knows when"
    answer = await sent(server, HTMX, {}, path=str(tmp_path / "docs"))
    stream = answer.text.partition('hx-sse:connect="')[2].partition('"')[0]
    await server.client.get(stream, timeout=60)
    assert str(tmp_path / "docs" / "pump.md") in await page(server, "/documents")
    (pump,) = (await server.client.get("/api/documents?collection=manuals")).json()["documents"]
    assert "<dt>Written</dt>" in await page(server, f"/documents/{pump['id']}")


async def test_it_is_told_that_vectors_are_made_anew(server: RunningServer) -> None:
    library = server.app.state.rooms.library
    assert "embedding model has changed" not in await page(server, "/documents")
    library._filling.embedding = Embedding(done=64, of=1_500)
    assert "64 of 1,500 passages have their vectors" in await page(server, "/documents")
    assert (await server.client.get("/api/collections")).json()["embedding"] == {"done": 64, "of": 1500}


async def test_a_plain_form_leads_back_to_the_page(server: RunningServer) -> None:
    answer = await sent(server, PLAIN, {"pump.md": PUMP})
    assert (answer.status_code, answer.headers["location"]) == (303, "/documents")


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"path": "/no/such/folder"}, 422, "/no/such/folder"),
        ({}, 400, "no file is chosen"),
        ({"collection": " "}, 400, "collection"),
        ({"collection": "x" * 300, "path": "/tmp"}, 400, "collection"),
        ({"tags": "x" * 300, "path": "/tmp"}, 400, "tag"),
    ],
)
async def test_what_cannot_be_taken_in_is_told_beside_the_form(
    server: RunningServer, fields: dict[str, str], status: int, told: str
) -> None:
    answer = await sent(server, HTMX, {}, **fields)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
    assert answer.text.lstrip().startswith('<section class="problem"')
    assert "Taking into" not in await page(server, "/documents")


async def test_a_search_shows_passages_with_their_scores_by_stage(server: RunningServer) -> None:
    (pump,) = await taken_in(server, {"pump.md": "# Pump\n\n## Care\n\nOil the bearing every week.\n"})
    await taken_in(server, {"stove.md": "# Stove\n\nOil its door.\n"}, "fire")
    hits = await page(server, "/documents/search?query=oil+the+bearing", **HTMX)
    assert "<!doctype" not in hits
    assert hits.index(f'<a href="/documents/{pump}#passage-0">Pump</a>') < hits.index(">Stove</a>")
    for stage in ("bm25", "cosine", "fusion"):
        assert f"<dt>{stage}</dt>" in hits
    assert "Care" in hits
    narrowed = await page(server, "/documents/search?query=oil+the+bearing&collection=fire", **HTMX)
    assert ">Pump</a>" not in narrowed
    whole = await page(server, "/documents?query=oil+the+bearing")
    assert 'value="oil the bearing"' in whole
    assert f"/documents/{pump}#passage-0" in whole


async def test_odd_searches_find_something_or_nothing_but_never_fail(server: RunningServer) -> None:
    await taken_in(server, {"pump.md": PUMP})
    for query in ("", " ", '"', "a OR", "NEAR(", "🙂", "*", "<b>", "%00"):
        answer = await server.client.get("/documents/search", params={"query": query}, headers=HTMX)
        assert answer.status_code == 200, (query, answer.text)
    answer = await server.client.get("/documents/search", params={"query": "x" * 1000}, headers=HTMX)
    assert (answer.status_code, "query" in answer.text) == (400, True)
    nothing = await server.client.get("/documents/search?query=x&collection=none", headers=HTMX)
    assert "Nothing was found" in nothing.text


async def test_a_document_is_shown_as_text_with_an_anchor_for_each_passage(server: RunningServer) -> None:
    (pump,) = await taken_in(server, {"pump.md": PUMP})
    raw = (await server.client.get(f"/documents/{pump}", headers=PLAIN)).text
    assert [f'<section id="passage-{place}"' in raw for place in range(4)] == [True, True, True, False]
    assert '<p class="passage-text">It pumps &lt;b&gt;water&lt;/b&gt; &amp; more.</p>' in raw
    assert '<h2 class="passage-heading">Care</h2>' in raw
    for fact in ("pump.md", "markdown", "3 passages", "own", 'href="/documents?collection=manuals"'):
        assert fact in raw, fact


async def test_a_passage_is_shown_between_its_neighbours(server: RunningServer) -> None:
    (pump,) = await taken_in(server, {"pump.md": PUMP})
    shown = await page(server, f"/documents/{pump}/passages/1", **HTMX)
    assert "<!doctype" not in shown
    assert shown.index("It pumps") < shown.index("Oil the bearing") < shown.index("Throw it away")
    assert shown.partition('aria-current="true"')[2].partition("</section>")[0].count("Oil the bearing") == 1
    assert f'href="/documents/{pump}#passage-1"' in shown
    assert "Throw it away" not in await page(server, f"/documents/{pump}/passages/0", **HTMX)


async def test_the_title_is_not_said_again_above_the_text_however_long_it_is(server: RunningServer) -> None:
    for title in ("Pump", "How the pump of the well in the yard is oiled and cleaned " * 6):
        (identifier,) = await taken_in(server, {"pump.md": f"# {title}\n\nOil the bearing every week.\n"})
        for address in (f"/documents/{identifier}", f"/documents/{identifier}/passages/0"):
            shown = await page(server, address, **HTMX)
            assert "Oil the bearing" in shown
            assert 'class="passage-heading"' not in shown
            assert "# " not in shown.partition("<section")[2]
        assert 'class="quiet">How the pump' not in await page(server, "/documents/search?query=bearing", **HTMX)


async def test_a_hit_names_the_file_beside_its_title(server: RunningServer) -> None:
    await taken_in(server, {"pump.md": PUMP})
    assert '<p class="hit-file data">pump.md</p>' in await page(server, "/documents/search?query=bearing", **HTMX)


async def test_where_nothing_is_chosen_both_ways_to_choose_are_named(server: RunningServer) -> None:
    answer = await server.client.post("/documents", files={"collection": (None, "house")}, headers=HTMX)
    assert answer.status_code == 400
    assert "no file is chosen, and no path is named" in answer.text


async def test_earlier_ingestions_that_have_ended_are_folded_away(server: RunningServer) -> None:
    for number in range(4):
        await taken_in(server, {f"{number}.txt": f"Note {number}."})
    shown = await page(server, "/documents")
    before, _, folded = shown.partition('<details class="earlier">')
    assert before.count('class="ingestion"') == 2
    assert "2 taken in earlier" in folded
    assert folded.partition("</details>")[0].count('class="ingestion"') == 2


async def test_of_joined_passages_all_are_marked(server: RunningServer) -> None:
    (pump,) = await taken_in(server, {"pump.md": PUMP})
    shown = await page(server, f"/documents/{pump}/passages/1?first=0&last=1", **HTMX)
    marked = [section.partition("</section>")[0] for section in shown.split('aria-current="true"')[1:]]
    assert len(marked) == 2
    assert "It pumps" in marked[0]
    assert "Oil the bearing" in marked[1]
    assert "Throw it away" in shown
    assert "Throw it away" in await page(server, f"/documents/{pump}/passages/1?last={10**20}", **HTMX)


@pytest.mark.parametrize(
    "address", ["nothing", "nothing/passages/0", "PUMP/passages/99", "PUMP/passages/-1", f"PUMP/passages/{10**20}"]
)
async def test_what_is_not_there_is_told(server: RunningServer, address: str) -> None:
    (pump,) = await taken_in(server, {"pump.md": PUMP})
    answer = await server.client.get(f"/documents/{address.replace('PUMP', pump)}", headers=HTMX)
    assert (answer.status_code, "There is no such document" in answer.text) == (404, True), answer.text


async def test_a_document_is_deleted_from_the_list_from_its_page_and_by_a_plain_form(server: RunningServer) -> None:
    first, second, third, fourth = await taken_in(server, {f"{name}.txt": f"Note {name}." for name in "abcd"})
    listed = {"HX-Current-URL": f"{server.url}/documents"}
    answer = await server.client.post(f"/documents/{first}/delete", headers=HTMX | listed)
    assert "3 documents, 3 passages" in answer.text
    assert "No documents yet" not in answer.text
    inside = {"HX-Current-URL": f"{server.url}/documents/{second}#passage-0"}
    answer = await server.client.post(f"/documents/{second}/delete", headers=HTMX | inside)
    assert answer.headers["HX-Redirect"] == "/documents"
    answer = await server.client.post(f"/documents/{third}/delete", headers=PLAIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/documents")
    answer = await server.client.post(f"/documents/{fourth}/delete", headers=HTMX | listed)
    assert "No documents yet" in answer.text
    assert (await server.client.post(f"/documents/{fourth}/delete", headers=HTMX | listed)).status_code == 404
    assert "No documents yet" in await page(server, "/documents")
