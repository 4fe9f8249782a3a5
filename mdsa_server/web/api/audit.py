"""The audit log under /api/audit: who did what to the server, and what was refused."""

from typing import Annotated

from litestar import Controller, get
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from mdsa_server.errors import StoreUnusable
from mdsa_server.vocabulary.audit import AuditEntry
from mdsa_server.web.api.operations import fails
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import SEARCH_CHARS


class AuditList(Struct, frozen=True, kw_only=True):
    entries: list[AuditEntry]
    next: int | None
    """Give it as `before` to read on; null at the end."""


class AuditController(Controller):
    """What was done to the server."""

    path = "/api/audit"
    tags = ("server",)
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so

    @get("/", operation_id="ReadAuditLog", responses=fails(StoreUnusable))
    async def read(
        self,
        rooms: InRooms,
        who: FromQuery[str | None] = None,
        what: Annotated[str, QueryParameter(max_length=SEARCH_CHARS)] = "",
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        before: FromQuery[int | None] = None,
    ) -> AuditList:
        """List entries, newest first: of one caller, by a key's id or name, and where `what` is part of what was done.

        Who needed no key is `this machine`, and who showed none that opens anything is `unknown`.
        """
        found = await rooms.audit.find(who=who, what=what, before=before, limit=limit)
        return AuditList(entries=found, next=found[-1].sequence if len(found) == limit else None)
