"""Problems as pages and fragments."""

from tests.serving import RunningServer


async def test_a_person_at_a_wrong_address_gets_a_page(server: RunningServer) -> None:
    answer = await server.client.get("/nowhere", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert "/nowhere" in answer.text


async def test_a_program_at_a_wrong_address_gets_problem_details(server: RunningServer) -> None:
    answer = await server.client.get("/nowhere", headers={"Accept": "application/json"})

    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_a_conversation_that_is_not_there_leads_back_to_the_chat(server: RunningServer) -> None:
    answer = await server.client.get("/chat/nosuch", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "There is no such conversation" in answer.text
    assert '<a class="button is-quiet" href="/chat">Chat</a>' in answer.text
    assert "/api/" not in answer.text


async def test_the_address_that_was_asked_for_is_shown_as_text(server: RunningServer) -> None:
    answer = await server.client.get("/<b>bold</b>", headers={"Accept": "text/html"})

    assert "<b>bold" not in answer.text
