"""Wrong routes are corrected below their answers, and reviewed on a page of their own, with scripts and without."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.scripted_ollama import ScriptedOllama
from tests.learning import corrected, learning_settings, routed
from tests.serving import RunningServer, running
from tests.web.api.reading import ask

HTMX = {"HX-Request": "true", "Accept": "text/html"}
PLAIN = {"Accept": "text/html"}


@pytest.fixture
async def server(tmp_path: Path, engine: ScriptedOllama) -> AsyncIterator[RunningServer]:
    async with running(learning_settings(tmp_path, engine=engine.url)) as server:
        yield server


async def test_an_answer_offers_the_other_domains_and_none_of_them(server: RunningServer) -> None:
    turn = await ask(server.client, "lentil soup")
    form = (await server.client.get(f"/chat/turns/{turn['id']}/correction", headers=HTMX)).text
    assert "<option>code</option><option>cooking</option>" in form
    assert "none of them" in form
    assert "<option>general" not in form


async def test_an_answer_asks_for_the_form_only_where_routers_chose(server: RunningServer) -> None:
    routed_turn, asked_for = await ask(server.client, "soup"), await ask(server.client, "soup", domain="code")
    for turn, offered in ((routed_turn, True), (asked_for, False)):
        page = (await server.client.get(f"/chat/{turn['conversation']}")).text
        assert (f'hx-get="/chat/turns/{turn["id"]}/correction"' in page) == offered


@pytest.mark.parametrize(("domain", "told"), [("cooking", "cooking"), ("", "for none of the domains")])
async def test_what_was_said_is_shown_with_its_state(server: RunningServer, domain: str, told: str) -> None:
    turn = await ask(server.client, "lentil soup")
    address = f"/chat/turns/{turn['id']}/correction"
    form = (await server.client.post(address, data={"domain": domain}, headers=HTMX)).text
    assert told in form.split("</p>")[0]
    assert "waits for" in form
    (said,) = (await server.client.get("/api/corrections")).json()
    await server.client.post(f"/api/corrections/{said['id']}/reject")
    assert "rejected" in (await server.client.get(address, headers=HTMX)).text


async def test_a_plain_form_leads_back_to_the_conversation(server: RunningServer) -> None:
    turn = await ask(server.client, "lentil soup")
    answer = await server.client.post(f"/chat/turns/{turn['id']}/correction", data={"domain": "cooking"}, headers=PLAIN)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/chat/{turn['conversation']}")


async def test_the_welcome_page_tells_how_many_wait(server: RunningServer) -> None:
    assert "to review" not in (await server.client.get("/")).text
    await corrected(server.client, "lentil soup", "cooking")
    page = (await server.client.get("/")).text
    assert 'href="/routes/review"' in page
    assert "1 to review" in page


@pytest.mark.parametrize(("headers", "whole"), [(HTMX, False), (PLAIN, True)], ids=["htmx", "form"])
async def test_a_correction_is_accepted_and_forgotten_on_the_page(
    server: RunningServer, headers: dict[str, str], whole: bool
) -> None:
    said = await corrected(server.client, "lentil soup", "cooking")
    page = (await server.client.get("/routes/review")).text
    assert "1 correction to review" in page
    answer = await server.client.post(f"/routes/review/{said['id']}/accept", headers=headers)
    assert ("<!doctype html>" in answer.text) == whole
    assert "0 corrections to review" in answer.text
    assert "1 correction taught" in answer.text
    assert "was right about 100 % of the 30 messages" in answer.text
    assert await routed(server.client, "lentil soup") == "cooking"
    answer = await server.client.post(f"/routes/review/{said['id']}/reject", headers=headers)
    assert "taught" not in answer.text
    assert await routed(server.client, "lentil soup") == "general"


async def test_a_refused_correction_says_why_and_can_be_accepted_anyway(server: RunningServer) -> None:
    said = await corrected(server.client, "makes worse", "cooking")
    answer = await server.client.post(f"/routes/review/{said['id']}/accept", headers=HTMX)
    assert answer.status_code == 409
    assert "The routers would become worse" in answer.text
    assert f"/routes/review/{said['id']}/accept?force=true" in answer.text
    answer = await server.client.post(f"/routes/review/{said['id']}/accept?force=true", headers=HTMX)
    assert answer.status_code == 200
    assert "is now about 90 %" in answer.text


async def test_a_correction_that_is_gone_is_told_beside_those_that_are_there(server: RunningServer) -> None:
    await corrected(server.client, "lentil soup", "cooking")
    answer = await server.client.post("/routes/review/nothing/accept", headers=HTMX)
    assert answer.status_code == 404
    assert "There is no such correction" in answer.text
    assert "1 correction to review" in answer.text
