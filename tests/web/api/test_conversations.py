"""Conversations over HTTP."""

import httpx
import pytest

from tests.web.api.reading import ask


async def test_conversations_are_listed_read_renamed_and_deleted(client: httpx.AsyncClient) -> None:
    turn = await ask(client, "hello\nworld")
    path = f"/api/conversations/{turn['conversation']}"
    (summary,) = (await client.get("/api/conversations")).json()["conversations"]
    assert (summary["title"], summary["turns"]) == ("hello", 1)
    assert (await client.patch(path, json={"title": "Greetings"})).status_code == 204
    read = (await client.get(path)).json()
    assert (read["title"], [kept["answer"] for kept in read["turns"]]) == ("Greetings", ["Hello there."])
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_the_list_is_paged_and_searched(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await ask(client, f"number {number}")
    first = (await client.get("/api/conversations?limit=2")).json()
    rest = (await client.get(f"/api/conversations?limit=2&before={first['next']}")).json()
    titles = [found["title"] for page in (first, rest) for found in page["conversations"]]
    assert (titles, rest["next"]) == (["number 2", "number 1", "number 0"], None)
    found = (await client.get("/api/conversations?query=NUMBER 1")).json()["conversations"]
    assert [summary["title"] for summary in found] == ["number 1"]


@pytest.mark.parametrize("path", ["/api/conversations", "/chat/conversations"])
async def test_what_is_looked_for_has_a_length(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path, params={"query": "x" * 400})).status_code == 200
    response = await client.get(path, params={"query": "x" * 401})
    assert response.status_code == 400
    assert response.json()["detail"].startswith("query: ")
    assert "400" in response.json()["detail"]


async def test_a_title_must_say_something(client: httpx.AsyncClient) -> None:
    turn = await ask(client, "hello")
    for blank in ("", " \n"):
        response = await client.patch(f"/api/conversations/{turn['conversation']}", json={"title": blank})
        assert response.status_code == 400
        assert response.json()["detail"] == "title: there is nothing in it"


async def test_a_list_that_goes_on_from_a_conversation_that_is_not_there_is_no_empty_list(
    client: httpx.AsyncClient,
) -> None:
    response = await client.get("/api/conversations?before=nowhere")
    assert (response.status_code, response.json()["code"]) == (404, "unknown-conversation")


async def test_a_conversation_is_taken_away_as_markdown_and_json(client: httpx.AsyncClient) -> None:
    turn = await ask(client, "a python function: ünïcode?")
    path = f"/api/conversations/{turn['conversation']}/export"
    markdown = await client.get(path)
    assert markdown.text == (
        "# a python function: ünïcode?\n\n## You\n\na python function: ünïcode?\n\n## code\n\nHello there.\n"
    )
    assert markdown.headers["Content-Disposition"] == 'attachment; filename="a-python-function-n-code.md"'
    whole = await client.get(path, params={"format": "json"})
    assert whole.json()["turns"][0]["answer"] == "Hello there."
    assert markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"


async def test_an_export_in_a_form_that_is_not_there_is_told_which_are(client: httpx.AsyncClient) -> None:
    turn = await ask(client, "hello")
    response = await client.get(f"/api/conversations/{turn['conversation']}/export", params={"format": "md"})
    assert response.status_code == 400
    assert "'md'" in response.json()["detail"]
    assert response.json()["mend"] == "Take one of: markdown, json."
