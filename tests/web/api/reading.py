"""Asking the API, reading what it streams, and looking behind it."""

import json
from typing import Any

import httpx

from mdsa_server.web.rooms import Rooms
from tests.serving import RunningServer


async def frames_of(response: httpx.Response) -> list[tuple[int, str, dict[str, Any]]]:
    """Read a stream of events to its end: (id, name, data) of each."""
    text = (await response.aread()).decode()
    return [
        (int(lines["id"]), lines["event"], json.loads(lines["data"]))
        for frame in text.split("\n\n")
        if frame and not frame.startswith(":")
        for lines in [dict(line.split(": ", 1) for line in frame.split("\n"))]
    ]


async def ask(client: httpx.AsyncClient, message: str, **fields: str) -> dict[str, Any]:
    """Send a message and give its finished turn."""
    response = await client.post("/api/chat", json={"message": message, **fields})
    assert response.status_code == 200, response.text
    turn: dict[str, Any] = response.json()["turn"]
    return turn


def rooms_of(server: RunningServer) -> Rooms:
    """Give the rooms of a server, to have something happen in them that no request brings about."""
    rooms: Rooms = server.app.state.rooms
    return rooms
