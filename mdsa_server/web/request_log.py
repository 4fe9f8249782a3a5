"""What goes round every request: an id for the logs, a line when it ends, headers that keep browsers strict."""

import re

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from mdsa_server.vocabulary.hidden_values import without_access_keys
from mdsa_server.vocabulary.identifiers import new_id
from mdsa_server.vocabulary.stopwatch import stopwatch

log = structlog.get_logger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

NOT_KEPT = (b"cache-control", b"no-store")
ENCODED_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

# Asked for again and again by machines and browsers; their lines would hide the others.
QUIET_PATHS = ("/health/", "/metrics", "/static/", "/favicon")


# What may stand in a log and a header as it is.
SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestLog:
    """Wraps the whole application, so that it also sees what no route answers.

    Logs the method, path, status and time of each request; never what was said in it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or new_id()
        clock = stopwatch()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                request_header = (b"x-request-id", request_id.encode())
                headers = [*message["headers"], *ENCODED_HEADERS, request_header]
                # What is told to one is kept for nobody: after signing out, going back must not show it.
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(NOT_KEPT)
                message["headers"] = headers
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                level = log.debug if scope["path"].startswith(QUIET_PATHS) else log.info
                ms = round(clock() * 1000, 1)
                path = without_access_keys(scope["path"])
                level("request", method=scope["method"], path=path, status=status, ms=ms)


def _given_id(scope: Scope) -> str:
    """Give the client's own id of the request, so that its log and ours can be laid side by side; else nothing."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if SANE_ID.fullmatch(given) else ""
