"""A router that measures itself, to see what a correction does to it."""

from pathlib import Path
from typing import Any

import httpx

from mdsa_server.settings import Settings
from tests.serving import DOMAINS, make_settings

PLUGIN = '''\
"""Knows the words of its examples, and gets worse by every example that says so."""

from mdsa_server.plugin_api import Candidate, Opinion, Prediction, hookimpl


@hookimpl
def register_routers(context):
    return [LearningRouter()]


class LearningRouter:
    name = "learning_router"
    predictions = ()

    async def fit(self, domains):
        self.known = {example.text: domain.name for domain in domains for example in domain.examples}
        lost = 3 * sum("worse" in text for text in self.known)
        self.predictions = [Prediction(0.9, number >= lost, f"held out {number}") for number in range(30)]

    async def route(self, query):
        name = self.known.get(query.message)
        confidence = 0.2 if "doubt" in query.message else 0.95
        return Opinion((Candidate(name, confidence),) if name else ())
'''


def learning_settings(folder: Path, *, engine: str, **tables: Any) -> Settings:
    """Settings of a server that routes by what it was taught, and by nothing else."""
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "learning_router.py").write_text(PLUGIN, "utf-8")
    more = {
        "routing": {"routers": ["learning_router"]},
        "plugin_host": {"directories": [str(folder / "plugins")], "disabled": ["embedding_router"]},
        "domains": DOMAINS | {"cooking": {"description": "Food and recipes"}},
    }
    return make_settings(folder, engine=engine, **more | tables)


async def corrected(client: httpx.AsyncClient, message: str, domain: str | None) -> dict[str, Any]:
    """Send a message, say which domain is right for it, and give the correction."""
    turn = (await client.post("/api/chat", json={"message": message})).json()["turn"]
    answer = await client.post(f"/api/turns/{turn['id']}/correction", json={"domain": domain})
    assert answer.is_success, answer.text
    correction: dict[str, Any] = answer.json()
    return correction


async def routed(client: httpx.AsyncClient, message: str) -> str:
    """Give the domain that would answer."""
    domain: str = (await client.post("/api/route", json={"message": message})).json()["domain"]
    return domain
