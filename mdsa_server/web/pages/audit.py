"""The page of the audit log: a table of who did what, narrowed down by both."""

from typing import Annotated
from urllib.parse import urlencode

from litestar import Controller, get
from litestar.params import FromQuery, QueryParameter
from litestar.response import Template

from mdsa_server.errors import InvalidRequest
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import SEARCH_CHARS

ENTRIES_SHOWN = 50


class AuditPages(Controller):
    """The list of entries."""

    path = "/audit"
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    include_in_schema = False

    @get("/", operation_id="ReadAuditLog")
    async def page(
        self,
        rooms: InRooms,
        who: Annotated[str, QueryParameter(max_length=SEARCH_CHARS)] = "",
        what: Annotated[str, QueryParameter(max_length=SEARCH_CHARS)] = "",
        before: FromQuery[str] = "",
    ) -> Template:
        """List entries, newest first, as a form narrows them; an empty field narrows nothing."""
        entries = await rooms.audit.find(who=who or None, what=what, before=_number(before), limit=ENTRIES_SHOWN)
        asked = {name: value for name, value in (("who", who), ("what", what)) if value}
        full = len(entries) == ENTRIES_SHOWN
        context = surroundings(rooms, "audit") | {
            "entries": entries,
            "asked": asked,
            "more": urlencode(asked | {"before": entries[-1].sequence}) if full else "",
            "before": before,
            "callers": await rooms.audit.callers(),
        }
        return Template("pages/audit.html", context=context)


def _number(text: str) -> int | None:
    """Read an entry's number; none where nothing is written. Raises InvalidRequest."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidRequest("before: this is no entry's number", "Load the page again.")
    return int(text)
