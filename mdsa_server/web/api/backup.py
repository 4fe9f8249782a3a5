"""The database, whole, under /api/backup: copied while it is written to."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from litestar import Controller, Litestar, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Send

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.backup import copy_database
from mdsa_server.store.data_folder import DATABASE_FILE
from mdsa_server.web.api.operations import fails
from mdsa_server.web.rooms import InRooms

MEDIA_TYPE = "application/vnd.sqlite3"
CHUNK_BYTES = 1 << 20


class BackupController(Controller):
    """What is kept, to be kept elsewhere too."""

    tags = ("server",)
    opt = {"scope": "admin", "recorded": True}  # noqa: RUF012  # Litestar reads it so

    @get(
        "/api/backup",
        operation_id="TakeBackup",
        media_type=MEDIA_TYPE,
        responses=fails(StoreUnusable)
        | {200: ResponseSpec(bytes, description="An SQLite database.", generate_examples=False, media_type=MEDIA_TYPE)},
    )
    async def take_backup(self, rooms: InRooms) -> Response[Any]:
        """Give a copy of the database as it is now. It says who has a key, and not what the keys are.

        Keys stay what they are only together with `access.secret`, which lies beside the database.
        """
        unwanted = threading.Event()
        try:
            copy = await asyncio.to_thread(
                copy_database, rooms.data_folder / DATABASE_FILE, rooms.data_folder, unwanted.is_set
            )
        except asyncio.CancelledError:
            unwanted.set()
            raise
        return SentOnce(copy, f"mdsa-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sqlite3")


class SentOnce(Response[Any]):
    """Answers with a file, which is deleted once it was sent, or its reader left."""

    def __init__(self, path: Path, name: str) -> None:
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Length": str(path.stat().st_size),
            "Cache-Control": "no-store",
        }
        super().__init__(None, status_code=200, media_type=MEDIA_TYPE, headers=headers)
        self.path = path

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        *_: Any,
        headers: dict[str, str] | None = None,
        **__: Any,
    ) -> ASGIResponse:
        return _File(self.path, headers=(headers or {}) | self.headers)


class _File(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, path: Path, headers: dict[str, str]) -> None:
        super().__init__(headers=headers, media_type=MEDIA_TYPE)
        self.path = path

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.path.unlink(missing_ok=True)

    async def send_body(self, send: Send, receive: Receive) -> None:
        async for chunk in _chunks(self.path):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _chunks(path: Path) -> AsyncGenerator[bytes, None]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            yield chunk
