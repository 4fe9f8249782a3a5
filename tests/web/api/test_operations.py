"""The API's description says what each operation takes, answers, and how it fails."""

from typing import Any

import httpx
import pytest

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}

Operations = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture
async def operations(client: httpx.AsyncClient) -> Operations:
    described = (await client.get("/schema/openapi.json")).json()
    assert {"code", "title", "detail", "mend", "faults"} <= set(
        described["components"]["schemas"]["ProblemBody"]["properties"]
    )
    paths = described["paths"].items()
    return {(method, path): operation for path, methods in paths for method, operation in methods.items()}


def statuses(operation: dict[str, Any]) -> set[str]:
    return set(operation["responses"])


async def test_every_operation_says_that_it_may_fail_and_always_as_a_problem(operations: Operations) -> None:
    for named, operation in operations.items():
        failures = {status: told for status, told in operation["responses"].items() if status >= "400"}
        assert {"400", "403", "500"} <= set(failures), named
        assert all(told["content"] == PROBLEM for told in failures.values()), named
        assert all(told["description"] for told in failures.values()), named


async def test_an_operation_with_a_body_gives_an_example_and_may_find_it_too_large(operations: Operations) -> None:
    with_body = {named: operation for named, operation in operations.items() if "requestBody" in operation}
    assert len(with_body) == 20
    for named, operation in with_body.items():
        (content,) = operation["requestBody"]["content"].values()
        assert content["schema"]["examples"], named
        assert "413" in statuses(operation), named


async def test_an_operation_on_one_thing_may_not_find_it(operations: Operations) -> None:
    on_one_thing = {named: operation for named, operation in operations.items() if "{" in named[1]}
    assert len(on_one_thing) == 25
    missing = [named for named, operation in on_one_thing.items() if "404" not in statuses(operation)]
    # These are not in the store, which alone of all places may be unusable for a moment.
    elsewhere = ("/api/tools", "/api/ingestions", "/api/plugins")
    stored = {named: operation for named, operation in on_one_thing.items() if not named[1].startswith(elsewhere)}
    missing += [named for named, operation in stored.items() if "503" not in statuses(operation)]
    assert missing == []


async def test_chat_is_described_whole_and_streamed(operations: Operations) -> None:
    chat = operations["post", "/api/chat"]
    content = chat["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/ChatAnswer"}
    asks = chat["responses"]["202"]["content"]["application/json"]["schema"]
    assert asks == {"$ref": "#/components/schemas/WaitingTurn"}
    assert content["text/event-stream"]["schema"]["type"] == "string"
    assert {"404", "413", "502", "503"} <= statuses(chat)
    assert "The engine does not answer" in chat["responses"]["503"]["description"]
    (body,) = chat["requestBody"]["content"].values()
    assert body["schema"]["examples"] == [{"message": "What can you do?"}]


@pytest.mark.parametrize("named", [("get", "/api/turns/{turn}/events"), ("post", "/api/models/pull")])
async def test_a_stream_is_described_as_one(operations: Operations, named: tuple[str, str]) -> None:
    assert list(operations[named]["responses"]["200"]["content"]) == ["text/event-stream"]


async def test_an_export_is_described_in_both_its_forms(operations: Operations) -> None:
    export = operations["get", "/api/conversations/{conversation}/export"]
    assert set(export["responses"]["200"]["content"]) == {"text/markdown", "application/json"}
    (form,) = (parameter for parameter in export["parameters"] if parameter["name"] == "format")
    assert form["schema"]["enum"] == ["markdown", "json"]


async def test_a_reload_may_find_faults(operations: Operations) -> None:
    assert "422" in statuses(operations["post", "/api/reload"])


async def test_the_counts_for_prometheus_are_described_as_the_text_that_they_are(
    operations: Operations, client: httpx.AsyncClient
) -> None:
    (described,) = operations["get", "/metrics"]["responses"]["200"]["content"]
    assert (await client.get("/metrics")).headers["Content-Type"].startswith(described)


async def test_a_method_that_there_is_not_is_answered_with_those_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/keys")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST", "OPTIONS"}


async def test_an_export_as_json_is_described_as_the_object_that_it_is(operations: Operations) -> None:
    content = operations["get", "/api/conversations/{conversation}/export"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"type": "object"}
