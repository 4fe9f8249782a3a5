"""Files that are sent as multipart/form-data (RFC 7578), kept in a nameless temporary file for as long as needed."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import Any, Self

from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from mdsa_server.errors import DocumentUnreadable, InvalidRequest, StoreUnusable, UploadTooLarge
from mdsa_server.knowledge.ingest import Source
from mdsa_server.web.rendering import size

MEGABYTE = 1_000_000
# So many of the largest documents may be sent at once; of small ones, as many as fit.
LARGEST_AT_ONCE = 10
FILES_AT_ONCE = 1000
# Parts of the form besides.
FIELDS = 10
# An upload that is smaller stays in memory.
SPOOLED_BYTES = 500_000
FIELD_BYTES = 10_000
LONGEST_NAME = 400
# For so long what is too large is passed over: a browser reads no answer before it has sent everything.
PATIENCE_SECONDS = 10.0

AnyRequest = Request[Any, Any, Any]


def upload_bytes(max_document_mb: float) -> int:
    """Give how large an upload may be, its form included, where a document may have so many MB."""
    return LARGEST_AT_ONCE * int(max_document_mb * MEGABYTE) + MEGABYTE


@dataclass
class Sent:
    """Where in an upload's bytes one file lies."""

    start: int
    size: int = 0


class Upload:
    """What was sent: its files by their names, and the other fields. Whoever has it closes it.

    All files lie in one nameless temporary file: there may be a thousand of them, and many uploads may wait.
    """

    def __init__(self) -> None:
        self.files: dict[str, Sent] = {}
        self.fields: dict[str, str] = {}
        self.doubles: list[str] = []
        """Names of files that were sent a second time, and passed over."""
        self._bytes = SpooledTemporaryFile[bytes](max_size=SPOOLED_BYTES)
        self._one_at_a_time = threading.Lock()

    def begin(self, name: str) -> Sent | None:
        """Begin a file; None where there is one of this name, and what comes of this one is to be passed over."""
        if name in self.files:
            self.doubles.append(name)
            return None
        self.files[name] = Sent(self._bytes.tell())
        return self.files[name]

    def write(self, sent: Sent, part: bytes | bytearray) -> None:
        """Add to the file that was begun last. Raises OSError."""
        sent.size += self._bytes.write(part)

    def read(self, sent: Sent) -> bytes:
        """Give the bytes of a file. Raises OSError."""
        with self._one_at_a_time:
            self._bytes.seek(sent.start)
            return self._bytes.read(sent.size)

    def sources(self) -> Iterator[Source]:
        """Give the files as what can be taken in."""
        now = time.time()
        for name, sent in self.files.items():
            yield Source(name=name, sent=partial(self.read, sent), bytes=sent.size, modified=now)
        for name in self.doubles:
            problem = DocumentUnreadable(
                f"two files are called {name}, and the first alone is taken in: a collection keeps one of a name",
                "Rename one, or send them under the names of their folders: pumps/README.md.",
            )
            yield Source(name=name, problem=problem, bytes=0, modified=now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was sent."""
        self._bytes.close()


async def read_upload(request: AnyRequest) -> Upload:
    """Read what is sent. Raises InvalidRequest, UploadTooLarge or StoreUnusable, and then nothing is kept."""
    kind, options = request.content_type
    if kind != RequestEncodingType.MULTI_PART or not options.get("boundary"):
        raise InvalidRequest("the body is not multipart/form-data with a boundary", "Send the files as a form does.")
    upload = Upload()
    try:
        await _read(request, options["boundary"], upload)
    except BaseException as error:
        upload.close()
        match error:
            case UploadTooLarge():
                await let_finish(request)
            case ParserLimitReached():
                await let_finish(request)
                raise too_many(f"the form is too much ({error})") from error
            case MultipartError():
                raise InvalidRequest(f"the form broke off or is damaged ({error})", "Send it again.") from error
            case OSError():
                mend = "Make room in the folder for temporary files."
                raise StoreUnusable(f"the files cannot be kept ({error.strerror})", mend) from error
            case HTTPException(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
                await let_finish(request)
                raise _too_large(request) from error
            case HTTPException():
                raise InvalidRequest("the upload broke off", "Send it again.") from error
        raise
    return upload


async def _read(request: AnyRequest, boundary: str, upload: Upload) -> None:
    part: Sent | bytearray | None = None
    name = ""
    with PushMultipartParser(boundary, max_segment_count=FILES_AT_ONCE + FIELDS) as parser:
        async for chunk in request.stream():
            for told in parser.parse(chunk) if chunk else ():
                if isinstance(told, MultipartSegment):
                    name = told.name or ""
                    part = _begun(upload, told.filename) if told.filename else bytearray()
                elif told is None:
                    if isinstance(part, bytearray):
                        upload.fields[name] = _text(name, part)
                elif isinstance(part, bytearray):
                    part += told
                    if len(part) > FIELD_BYTES:
                        raise InvalidRequest(f"{name} has more than {FIELD_BYTES:,} bytes", "Send less.")
                elif part is not None:
                    await asyncio.to_thread(upload.write, part, told)


def _begun(upload: Upload, filename: str) -> Sent | None:
    if len(upload.files) == FILES_AT_ONCE:
        raise too_many(f"there are more than {FILES_AT_ONCE:,} files")
    return upload.begin(_name(filename))


def _name(filename: str) -> str:
    """Give a file's name, with the folders of a folder that was sent.

    Of a whole path, or one that leads out of its folder, the last part alone: the rest is the sender's own business.
    """
    path = "".join(character if character.isprintable() else " " for character in filename.replace("\\", "/"))
    *folders, name = [part.strip() for part in path.split("/")]
    if not name or name in (".", ".."):
        raise InvalidRequest(f"the file {filename!r} has no name", "Give it one.")
    inside = folders and all(folder not in ("", "..") for folder in folders) and ":" not in folders[0]
    kept = [*(folder for folder in folders if folder != "."), name] if inside else [name]
    return "/".join(kept)[-LONGEST_NAME:]


def _text(name: str, content: bytearray) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{name} is not UTF-8", "Send it as UTF-8.") from error


def too_many(what: str) -> UploadTooLarge:
    """Make the error of an upload of more files than are taken at once."""
    return UploadTooLarge(
        what,
        f"Send {FILES_AT_ONCE:,} files at most, with names of {LONGEST_NAME} characters at most; the others later.",
    )


def _too_large(request: AnyRequest) -> UploadTooLarge:
    most = request.route_handler.resolve_request_max_body_size() or 0
    return UploadTooLarge(
        f"the files have together more than the {size(most)} that are taken at once",
        f"Send fewer, or allow larger documents: {LARGEST_AT_ONCE} times [knowledge] max_document_mb is taken.",
    )


async def let_finish(request: AnyRequest) -> None:
    """Pass over the rest of a body, within reason."""
    left = request.route_handler.resolve_request_max_body_size() or 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while left > 0:
                event = await request.receive()
                if event["type"] != "http.request" or not event.get("more_body", False):
                    return
                left -= len(event["body"])
    except TimeoutError:
        return
