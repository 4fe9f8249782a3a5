"""A server with plugins of the test's own: one that works, one whose tool breaks, one that cannot be loaded."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.plugin_host.offering import write
from tests.serving import RunningServer, make_settings, running

SECRET = "s3cr3t-of-mine"
SAID = "what was said"

KITCHEN = """
    import msgspec


    class Settings(msgspec.Struct):
        ovens: int = 1
        api_key: str = ""
        env: dict[str, str] = {}


    class OvenRouter:
        name = "oven_router"

        async def fit(self, domains):
            self.domains = [domain.name for domain in domains]

        async def route(self, query):
            return Opinion((Candidate("code", 0.9),)) if "bread" in query.message else Opinion()


    def bake(what: str) -> str:
        'Bake something.'
        return f"a baked {what}"


    def burn(what: str) -> str:
        'Burn something.'
        raise ValueError(what)


    @hookimpl
    def plugin_settings():
        return Settings


    @hookimpl
    def register_routers(context):
        return [OvenRouter()]


    @hookimpl
    def register_tools(context):
        return [Tool(bake), Tool(burn)]
"""


@asynccontextmanager
async def kitchen(folder: Path, engine: str, **tables: Any) -> AsyncIterator[RunningServer]:
    """Serve with the plugins `kitchen` and `torn`, and the router of the first alone."""
    write(folder, "plugins/kitchen.py", KITCHEN)
    (folder / "plugins" / "torn.py").write_text('raise RuntimeError("no luck today")')
    (folder / "plugins" / "idle.py").write_text("")
    settings: dict[str, Any] = {
        "plugin_host": {"directories": [str(folder / "plugins")], "disabled": ["idle", "embedding_router"]},
        "routing": {"routers": ["oven_router"]},
        "plugins": {"kitchen": {"ovens": 2, "api_key": SECRET, "env": {"HOME": SECRET}}},
    }
    async with running(make_settings(folder, engine=engine, **(settings | tables))) as server:
        yield server


async def burn(server: RunningServer, times: int = 1) -> None:
    """Have the tool fail; what it raises has SAID in it."""
    for _ in range(times):
        answer = await server.client.post("/api/tools/burn/call", json={"arguments": {"what": SAID}})
        assert answer.status_code == 502, answer.text
