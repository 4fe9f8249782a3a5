"""A turn that a server did not see to its end is told as that by the next one."""

import sqlite3
from pathlib import Path

from mdsa_server.store.data_folder import DATABASE_FILE
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import make_settings, running
from tests.web.api.reading import ask, frames_of


async def test_a_turn_left_running_by_a_dead_server_is_told_wherever_it_is_shown(
    tmp_path: Path, engine: ScriptedOllama
) -> None:
    settings = make_settings(tmp_path, engine=engine.url)
    async with running(settings) as server:
        turn = await ask(server.client, "precious words")
    with sqlite3.connect(settings.data_folder / DATABASE_FILE) as database:
        database.execute("update turns set outcome = 'running', answer = '', events = null")
    database.close()

    async with running(settings) as server:
        told = (await server.client.get(f"/api/turns/{turn['id']}")).json()
        assert (told["outcome"], told["problem"]["code"], told["message"]) == (
            "failed",
            "server-stopped",
            "precious words",
        )
        ((_, name, data),) = await frames_of(await server.client.get(f"/api/turns/{turn['id']}/events"))
        assert (name, data["problem"]["code"]) == ("turn_failed", "server-stopped")
        page = (await server.client.get(f"/chat/{turn['conversation']}")).text
        assert "precious words" in page
        assert "The server stopped during this turn" in page
        assert "hx-sse:connect" not in page
        assert "turn-ended" in (await server.client.get(f"/chat/turns/{turn['id']}/stream")).text
