"""A message is routed to see where it would go, and the last evaluations are told."""

from pathlib import Path

import pytest

from mdsa_server.configuration.fingerprints import fingerprint_of_retrieval, fingerprint_of_routing
from mdsa_server.configuration.reloading import team_of
from mdsa_server.evaluation.kept import keep
from tests.evaluation import results
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running


async def test_a_trial_tells_the_decision_and_what_each_router_said(
    server: RunningServer, engine: ScriptedOllama
) -> None:
    answer = await server.client.post("/api/route/trial", json={"message": "a python function"})
    told = answer.json()
    assert told["route"]["domain"] == "code"
    (opinion,) = told["opinions"]
    assert opinion["router"] == "keyword_router"
    assert opinion["opinion"]["candidates"][0]["domain"] == "code"
    assert opinion["threshold"] == 0.5
    assert opinion["seconds"] >= 0
    assert (await server.client.get("/api/conversations")).json()["conversations"] == []
    assert engine.asked("/api/chat") == []


async def test_a_trial_may_go_on_from_a_domain(server: RunningServer) -> None:
    body = {"message": "and then?", "previous": "code"}
    told = (await server.client.post("/api/route/trial", json=body)).json()
    assert (told["route"]["domain"], told["route"]["reason"]) == ("general", "unsure")
    unknown = await server.client.post("/api/route/trial", json=body | {"previous": "nothing"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-domain")


@pytest.mark.parametrize(
    ("body", "status"), [({"message": " "}, 400), ({}, 400), ({"message": 1}, 400), ({"message": "x" * 100_001}, 413)]
)
async def test_what_is_no_message_is_refused(server: RunningServer, body: dict[str, object], status: int) -> None:
    answer = await server.client.post("/api/route/trial", json=body)
    assert answer.status_code == status
    assert answer.json()["mend"]


async def test_evaluations_are_told_with_whether_they_are_of_what_is_in_force(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    settings = make_settings(tmp_path, engine=engine.url)
    later = make_settings(tmp_path, engine=engine.url, routing={"routers": ["keyword_router"], "min_confidence": 0.7})
    async with running(settings, reread=lambda: later) as server:
        nothing = (await server.client.get("/api/evaluations")).json()
        assert (nothing["routes"], nothing["retrieval"]) == (None, None)
        keep(settings.data_folder, results.of_routes(fingerprint_of_routing(settings, team_of(settings))))
        keep(settings.data_folder, results.of_retrieval(fingerprint_of_retrieval(settings)))
        told = (await server.client.get("/api/evaluations")).json()
        assert told["routes"]["report"]["accuracy"] == pytest.approx(2 / 3)
        assert (told["routes_are_current"], told["retrieval_is_current"]) == (True, True)
        await server.client.post("/api/reload")
        told = (await server.client.get("/api/evaluations")).json()
        assert (told["routes_are_current"], told["retrieval_is_current"]) == (False, True)
