"""What goes round every request and has it in the audit log where it changes what the server does or keeps.

The one place that decides: a route is recorded by the scope that it declares, and none has to ask for it.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from litestar.enums import ScopeType
from litestar.handlers.base import BaseRouteHandler
from litestar.handlers.http_handlers.base import HTTPRouteHandler
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Send
from litestar.types import Scope as ConnectionScope

from mdsa_server.errors import MdsaError
from mdsa_server.vocabulary.audit import THIS_MACHINE, UNKNOWN, AuditEntry
from mdsa_server.vocabulary.hidden_values import without_access_keys
from mdsa_server.web.auth import SAFE_METHODS, Caller
from mdsa_server.web.rates import Rates, address_of
from mdsa_server.web.rooms import Rooms

log = structlog.get_logger(__name__)

UNRECORDED_SCOPES = frozenset({"chat", None})
"""Those whose writes concern the caller's own conversations alone."""
REFUSALS = frozenset({401, 403, 429})
"""How those are answered who are not let in."""
# What comes to nothing can be asked for without end: so much of it is written down a minute of each key, or of each
# address where none was shown.
FAILURES_A_MINUTE = 300
PARAMETER_CHARS = 200


class AuditTrail:
    """Wraps the application; an entry is kept before the answer that it tells of is sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._failures = Rates()

    async def __call__(self, scope: ConnectionScope, receive: Receive, send: Send) -> None:
        async def send_recorded(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
                try:
                    await self._record(scope, int(message["status"]))
                except Exception:  # it is done already: to answer that it failed would be wrong
                    path = without_access_keys(scope["path"])
                    log.exception("not in the audit log", method=scope["method"], path=path)
            await send(message)

        await self._app(scope, receive, send_recorded)

    async def _record(self, scope: HTTPScope, status: int) -> None:
        handler: BaseRouteHandler | None = scope.get("route_handler")
        admitted = scope["state"].get("admitted", False)
        if not isinstance(handler, HTTPRouteHandler) or not to_record(handler, scope["method"], admitted=admitted):
            return
        address = address_of(scope)
        caller: Caller | None = scope["state"].get("caller")
        entry = AuditEntry(
            sequence=0,
            at=datetime.now(UTC),
            key=caller.key.id if caller and caller.key else None,
            who=_name_of(caller),
            address=address,
            operation=operation_of(handler),
            parameters=_parameters(scope.get("path_params", {}) | scope["state"].get("made", {})),
            status=status,
            refused=not admitted or status in REFUSALS,
        )
        if entry.came_to_nothing:
            if self._failures.wait(entry.key or address, FAILURES_A_MINUTE):
                return
        elif caller is None:
            # Whoever signs out and was not signed in has changed nothing.
            return
        rooms: Rooms = scope["litestar_app"].state.rooms
        try:
            await rooms.audit.add(entry)
        except MdsaError as error:
            log.error("not in the audit log", operation=entry.operation, who=entry.who, reason=error.detail)


def to_record(handler: HTTPRouteHandler, method: str, *, admitted: bool = True) -> bool:
    """Say whether a request to a route is recorded; `admitted`, whether the guard let it pass.

    Writes are, but for those of who converses; so are refused attempts at what is for admins, and reads that say so
    (`recorded` in the route's `opt`, which also leaves out what is written in no sense but its method's).
    """
    if method == "OPTIONS":
        return False
    scope, said = handler.opt.get("scope"), handler.opt.get("recorded")
    if scope == "admin" and not admitted:
        return True
    return bool(said) if said is not None else method not in SAFE_METHODS and scope not in UNRECORDED_SCOPES


def tell_made(scope: ConnectionScope, **named: str) -> None:
    """Say what a request made, which its path could not name: the entry has it as if it had been a parameter."""
    scope["state"]["made"] = named


def operation_of(handler: HTTPRouteHandler) -> str:
    """Give a route's operation id in words: `CreateAccessKey` is `create access key`."""
    name = handler.operation_id if isinstance(handler.operation_id, str) else handler.handler_name
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").lower()


def _name_of(caller: Caller | None) -> str:
    if caller is None:
        return UNKNOWN
    return caller.key.name if caller.key else THIS_MACHINE


def _parameters(given: Mapping[str, object]) -> dict[str, str]:
    return {name: without_access_keys(str(value))[:PARAMETER_CHARS] for name, value in given.items()}
