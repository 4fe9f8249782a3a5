"""Reading what the API streams."""

import json
from typing import Any

import httpx


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
