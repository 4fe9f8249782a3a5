"""What tests of the pages of documents send and ask for."""

from html import unescape

import httpx

from tests.serving import RunningServer

HTMX = {"HX-Request": "true", "Accept": "text/html"}
PLAIN = {"Accept": "text/html"}
FILLER = "And there is more to be said of it, so that it is a passage of its own, which takes some words. " * 6
PUMP = f"# Pump\n\nIt pumps <b>water</b> & more.\n\n{FILLER}\n\n## Care\n\nOil the bearing every week.\n\n{FILLER}\n\n"
PUMP += f"## End\n\nThrow it away.\n\n{FILLER}\n"


async def taken_in(server: RunningServer, files: dict[str, str], collection: str = "manuals") -> list[str]:
    """Send files; give the ids of all documents of the collection."""
    parts = [("files", (name, text.encode())) for name, text in files.items()]
    upload = "/api/documents/upload"
    answer = await server.client.post(upload, files=parts, data={"collection": collection, "tags": "own"}, timeout=60)
    assert answer.status_code == 200, answer.text
    listed = (await server.client.get("/api/documents", params={"collection": collection, "limit": 1000})).json()
    return [one["id"] for one in listed["documents"]]


async def page(server: RunningServer, address: str, **headers: str) -> str:
    answer = await server.client.get(address, headers=PLAIN | headers)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


async def sent(server: RunningServer, headers: dict[str, str], files: dict[str, str], **fields: str) -> httpx.Response:
    parts = [("files", (name, text.encode())) for name, text in files.items()] or [("files", ("", b""))]
    data = {"collection": "manuals", "tags": "", "path": ""} | fields
    return await server.client.post("/documents", files=parts, data=data, headers=headers, timeout=60)
