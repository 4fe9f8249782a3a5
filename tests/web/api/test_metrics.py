"""The monitor as data: everything that happened, for programs and for Prometheus."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mdsa_server.monitor.statistics import DomainStatistics, Statistics
from tests.fakes.script import DIES, ScriptedModel
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, make_settings, running
from tests.web.api.reading import ask, rooms_of

MODEL = "scripted:1b"


async def metrics(client: httpx.AsyncClient, window: str = "15m") -> dict[str, Any]:
    answer = await client.get("/api/metrics", params={"window": window})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def samples(client: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    """Read /metrics as Prometheus does: values by name and labels."""
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.mark.parametrize("window", ["15m", "24h", "30d"])
async def test_everything_is_told_of_a_window(client: httpx.AsyncClient, window: str) -> None:
    turn = await ask(client, "a python function")
    await ask(client, "hello")
    await client.post(f"/api/turns/{turn['id']}/correction", json={"domain": "general"})
    told = await metrics(client, window)
    assert (told["status"], told["engine"]["kind"], told["window"], told["line"]) == ("ready", "ollama", window, [])
    assert told["turns"]["turns_by_domain"] == {"code": 1, "general": 1}
    over = told["over_window"]
    assert (over["turns_started"], over["turns_answered"], over["turns_failed"], over["success_rate"]) == (2, 2, 0, 1.0)
    assert 0 < over["seconds_to_first_token"]["p50"] <= over["seconds_to_answer"]["p99"]
    assert over["answer_tokens"] == told["turns"]["answer_tokens"] > 0
    assert (over["loads"], over["load_seconds"] > 0) == (1, True)
    assert over["turns_per_minute"] > 0
    domains = {row["name"]: row for row in told["domains"]}
    assert (domains["code"]["turns"], domains["code"]["share"], domains["code"]["corrections"]) == (1, 0.5, 1)
    assert (domains["code"]["abstained"], domains["general"]["abstained"]) == (0, 1)
    assert domains["code"]["confidence"] > 0
    assert domains["code"]["mean_seconds"] > 0
    (model,) = told["models"]
    assert (model["installed"]["name"], model["resident"]["name"], model["use"]["loads"]) == (MODEL, MODEL, 1)
    assert (model["use"]["phase"], model["use"]["in_use"]) == ("ready", 0)
    points = told["series"]["points"]
    assert sum(point["turns_answered"] for point in points) == 2
    assert len(points) == {"15m": 90, "24h": 144, "30d": 120}[window]


async def test_the_machine_is_told(client: httpx.AsyncClient) -> None:
    host = (await metrics(client))["host"]
    while host is None or host["processor"] is None:
        await asyncio.sleep(0.05)
        host = (await metrics(client))["host"]
    assert host["processes"][0]["name"] == "server"
    assert 0 <= host["own_processor"] <= host["processor"] <= 1
    assert host["memory_total"] > host["memory_used"] > 0


async def test_failed_and_cancelled_turns_are_told_apart(
    server: RunningServer, client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    engine.models[MODEL].says = ["Hello", DIES]
    assert (await client.post("/api/chat", json={"message": "hello"})).status_code == 502
    gate = asyncio.Event()
    engine.models[MODEL].says = ["Hello", gate]
    live = await rooms_of(server).live_turns.start("local", "python")
    while not any(row["running"] for row in (await metrics(client))["domains"]):  # noqa: ASYNC110  # over HTTP
        await asyncio.sleep(0.01)
    assert {row["name"]: row["running"] for row in (await metrics(client))["domains"]} == {"general": 0, "code": 1}
    await client.post(f"/api/turns/{live.turn.id}/cancel")
    over = (await metrics(client))["over_window"]
    assert (over["turns_failed"], over["turns_cancelled"], over["success_rate"]) == (1, 1, 0.0)


async def test_an_unknown_window_is_refused_with_those_there_are(client: httpx.AsyncClient) -> None:
    for address in ("/api/metrics?window=1y", "/monitor?window=1y", "/monitor/stream?window="):
        answer = await client.get(address)
        assert answer.status_code == 400, address
        assert "window" in answer.json()["detail"]


async def test_without_an_engine_everything_else_is_told(tmp_path: Path) -> None:
    async with running(make_settings(tmp_path, engine="http://127.0.0.1:9")) as server:
        told = await metrics(server.client)
        assert (told["status"], told["models"]) == ("no engine", [])
        assert told["models_problem"] == told["engine"]["problem"]
        assert (await samples(server.client))["mdsa_engine_up", ""] == 0


async def test_what_happened_is_told_after_a_restart_and_the_totals_begin_anew(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    for times in (1, 2):
        async with running(make_settings(tmp_path, engine=engine.url)) as server:
            await ask(server.client, "hello")
            told = await metrics(server.client, "30d")
            assert (told["over_window"]["turns_answered"], told["turns"]["turns_answered"]) == (times, 1)


async def test_prometheus_reads_the_counts_since_the_server_started(
    client: httpx.AsyncClient, engine: ScriptedOllama
) -> None:
    await ask(client, "a python function")
    engine.models[MODEL].says = ["Hello", DIES]
    await client.post("/api/chat", json={"message": "hello"})
    read = await samples(client)
    assert read["mdsa_turns_total", "answered"] == read["mdsa_turns_total", "failed"] == 1
    assert read["mdsa_turns_total", "cancelled"] == 0
    assert read["mdsa_turn_duration_seconds_count", ""] == read["mdsa_turn_duration_seconds_bucket", "+Inf"] == 1
    assert read["mdsa_turn_duration_seconds_sum", ""] > 0
    assert read["mdsa_time_to_first_token_seconds_count", ""] == 1
    below = [value for (name, _), value in read.items() if name == "mdsa_turn_duration_seconds_bucket"]
    assert below == sorted(below)
    assert read["mdsa_tokens_total", "answer"] > 0
    assert read["mdsa_domain_turns_total", "code"] == read["mdsa_domain_turns_total", "general"] == 1
    assert read["mdsa_model_loads_total", ""] == 1
    assert read["mdsa_model_resident_bytes", MODEL] > 0
    assert read["mdsa_engine_up", ""] == 1
    assert read["mdsa_turns_running", ""] == 0
    if sys.platform == "linux":
        assert read["process_resident_memory_bytes", ""] > 0


async def test_a_domain_that_is_configured_no_more_keeps_its_count(server: RunningServer) -> None:
    rooms_of(server).counters.count(Statistics(domains={"gone": DomainStatistics(turns=5)}))
    read = await samples(server.client)
    counts = {label: value for (name, label), value in read.items() if name == "mdsa_domain_turns_total"}
    assert counts == {"gone": 5}


async def test_who_waits_for_a_model_is_told(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = ScriptedModel(says=["Hello", gate])
    async with ScriptedOllama(model) as engine:
        settings = make_settings(tmp_path, engine=engine.url, residency={"max_running": 1})
        async with running(settings) as server:
            asking = [asyncio.create_task(ask(server.client, "hello")) for _ in range(3)]
            told = await metrics(server.client)
            while told["turns"]["turns_running"] < 3 or not told["models"][0]["use"]["in_use"]:
                told = await metrics(server.client)
            line = told["line"]
            assert (line[0]["model"], line[0]["turns"], line[0]["seconds"] >= 0) == (MODEL, 2, True)
            assert (await samples(server.client))["mdsa_turns_waiting", MODEL] == 2
            gate.set()
            await asyncio.gather(*asking)
