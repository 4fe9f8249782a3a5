"""A connection that nobody can hold for nothing: requests must come, answers be taken, and there are only so many.

Uvicorn waits for ever for the end of a request's head and for its body, keeps a head of any size, and keeps what a
client does not take. One account bounds all slow requests: while a request is awaited a connection spends a second of
its patience each second, and what it sends earns some back. So silence ends it, and so does a byte now and then.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mdsa_server.web.problems import PROBLEM_MEDIA_TYPE, ProblemBody

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 20.0
"""For so long a request may be silent, or too slow."""
LEAST_BYTES_A_SECOND = 500.0
"""A request that comes more slowly than this loses patience; any network that carries pages is faster."""
MOST_HEAD_BYTES = 64 * 1024
"""Of the address, the headers, and the trailers of a body that comes in chunks."""
UNTAKEN_SECONDS = 60.0
"""For so long a client may take nothing of what was sent to it."""
MOST_CONNECTIONS = 1000
RETRY_AFTER_SECONDS = 5


class _HeadTooLong(Exception):
    """Ends the parsing of a request that is refused."""


class BoundedConnection(HttpToolsProtocol):
    """Uvicorn's connection within bounds. `look` has to be called once a second."""

    _patience = PATIENCE_SECONDS
    _in_head = False
    _head_bytes = 0
    _unread_bytes = 0
    """Those that came since the parser told of anything: of a header, say, that has not ended."""
    _untaken = 0
    _untaken_for = 0.0
    _ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._patience = PATIENCE_SECONDS
        if len(self.connections) > most_connections():
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self._patience = min(self._patience + len(data) / LEAST_BYTES_A_SECOND, PATIENCE_SECONDS)
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._head_bytes + self._unread_bytes > MOST_HEAD_BYTES:
            self._refuse_head()

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = self._unread_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers come by here too, and uvicorn keeps them until the next request.
        self._count_head(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread_bytes = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        # Who was refused has been told why.
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        # What follows is another request, with patience of its own.
        self._patience = PATIENCE_SECONDS
        super().on_response_complete()

    def resume_writing(self) -> None:
        self._untaken_for = 0.0
        super().resume_writing()

    @property
    def awaits_client(self) -> bool:
        """Whether the client has to send something before it can be answered."""
        if self.flow.read_paused:
            return False
        if self.cycle is None or self.cycle.response_complete:
            return True
        return self.cycle.more_body and not self.cycle.waiting_for_100_continue

    @property
    def is_there(self) -> bool:
        """Whether it takes room: one that is closed does until its client has taken what was sent."""
        return not self._ended and bool(not self.transport.is_closing() or self.transport.get_write_buffer_size())

    @property
    def patience(self) -> float:
        """How many seconds the client may still be silent."""
        return self._patience

    def look(self, seconds: float) -> None:
        """Take down that so many seconds have passed, and end the connection where that was too long."""
        if self.awaits_client:
            self._patience -= seconds
            if self._patience < 0:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not come to its end.", "Send it again.")
        untaken = self.transport.get_write_buffer_size()
        self._untaken_for = self._untaken_for + seconds if untaken and untaken >= self._untaken else 0.0
        self._untaken = untaken
        if self._untaken_for > UNTAKEN_SECONDS:
            log.info("connection ended: its client takes nothing", client=self.client, bytes=untaken)
            self.end()

    def end(self) -> None:
        """Close it at once, whatever is on its way."""
        self._ended = True
        self.transport.abort()

    def _make_room(self) -> None:
        """Where there are too many, end the one that tries our patience most; where all wait for us, this one."""
        opened = [one for one in self.connections if isinstance(one, BoundedConnection) and one.is_there]
        if len(opened) <= most_connections():
            return
        if waiting := [one for one in opened if one.awaits_client and one is not self]:
            min(waiting, key=lambda one: one.patience).end()
        else:
            detail = f"{most_connections():,} connections are open."
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, detail, "Try again in a moment.")

    def _count_head(self, length: int) -> None:
        """Count a part of the head or of the trailers. Raises _HeadTooLong, so that the request is not begun."""
        self._head_bytes += length
        self._unread_bytes = 0
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse_head()
            raise _HeadTooLong

    def _refuse_head(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            f"The address and the headers have more than {MOST_HEAD_BYTES:,} bytes.",
            "Send what is long in the body.",
        )

    def _refuse(self, status: HTTPStatus, detail: str, mend: str) -> None:
        """Say why, where nothing was said yet and something was asked, and close."""
        asked = self._in_head or (self.cycle is not None and not self.cycle.response_complete)
        started = self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started
        if self.transport.is_closing():
            return
        if (asked or status == HTTPStatus.SERVICE_UNAVAILABLE) and not started:
            self.transport.write(_problem(status, detail, mend))
        self.transport.close()


def most_connections() -> int:
    """Give how many there may be: half of what may be open at all, since files, models and programs need the rest."""
    try:
        import resource
    except ImportError:  # Windows, where nothing bounds them.
        return MOST_CONNECTIONS
    open_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if open_files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, open_files // 2)


def _problem(status: HTTPStatus, detail: str, mend: str) -> bytes:
    retry_after = RETRY_AFTER_SECONDS if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    code = status.phrase.lower().replace(" ", "-")
    body = msgspec.json.encode(
        ProblemBody(
            type=f"urn:mdsa:problem:{code}",
            title=status.phrase,
            status=status,
            detail=detail,
            code=code,
            mend=mend,
            retry_after=retry_after,
        )
    )
    retry = b"retry-after: %d\r\n" % retry_after if retry_after is not None else b""
    head = b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n" % (PROBLEM_MEDIA_TYPE.encode(), len(body))
    return STATUS_LINE[status] + head + retry + b"\r\n" + body
