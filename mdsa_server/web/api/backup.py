"""The database, whole, under /api/backup: copied while it is written to."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from litestar import Controller, Litestar, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from mdsa_server.errors import StoreUnusable
from mdsa_server.store.backup import copy_database
from mdsa_server.store.data_folder import DATABASE_FILE
from mdsa_server.web.api.operations import fails
from mdsa_server.web.origins import check_origin
from mdsa_server.web.rooms import InRooms, Rooms

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
    async def take_backup(self, rooms: InRooms, request: Request[Any, Any, Any]) -> Response[Any]:
        """Give a copy of the database as it is now. It says who has a key, and not what the keys are.

        Keys stay what they are only together with `access.secret`, which lies beside the database. One copy is made
        at a time, and who asks meanwhile waits for it.
        """
        if "authorization" not in request.headers:
            # It takes a disk's time and room: what a browser adds of its own accord does not let another site's page.
            check_origin(request.headers)
        return Backup(rooms)


class Backup(Response[Any]):
    """Answers with a copy that is made then, and is gone once it was sent or its reader has left."""

    def __init__(self, rooms: Rooms) -> None:
        super().__init__(None, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
        self.rooms = rooms

    def to_asgi_response(
        self,
        app: Litestar | None,
        request: Request[Any, Any, Any],
        *_: Any,
        headers: dict[str, str] | None = None,
        **__: Any,
    ) -> ASGIResponse:
        return _Sending(self.rooms, headers=(headers or {}) | self.headers)


class _Sending(ASGIResponse):
    _should_set_content_length = False

    def __init__(self, rooms: Rooms, headers: dict[str, str]) -> None:
        super().__init__(headers=headers, media_type=MEDIA_TYPE)
        self.rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending, leaving = asyncio.create_task(self._send(send)), asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.wait((sending, leaving))
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        async with self.rooms.backing_up, _copied(self.rooms.data_folder) as copy:
            self.headers["Content-Disposition"] = (
                f'attachment; filename="mdsa-{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sqlite3"'
            )
            self.headers["Content-Length"] = str(os.fstat(copy.fileno()).st_size)
            await self.start_response(send)
            while chunk := await asyncio.to_thread(copy.read, CHUNK_BYTES):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    """Wait until the client has gone: what is sent to it then nobody takes, and nothing says so."""
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def _copied(folder: Path) -> AsyncIterator[BinaryIO]:
    unwanted = threading.Event()
    source = folder / DATABASE_FILE
    copying = asyncio.ensure_future(asyncio.to_thread(copy_database, source, folder, unwanted.is_set))
    try:
        copy = await asyncio.shield(copying)
    except asyncio.CancelledError:
        unwanted.set()
        # It may have been made just now; and what is given up takes room until the thread has heeded that.
        copying.add_done_callback(_thrown_away)
        await asyncio.wait((copying,))
        raise
    with copy:
        yield copy


def _thrown_away(copying: asyncio.Future[BinaryIO]) -> None:
    if not copying.cancelled() and copying.exception() is None:
        copying.result().close()
