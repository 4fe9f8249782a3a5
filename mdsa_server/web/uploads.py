"""Files that are sent as multipart/form-data (RFC 7578), kept in nameless temporary files for as long as needed."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import Any, Self

from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from mdsa_server.errors import InvalidRequest, StoreUnusable, UploadTooLarge
from mdsa_server.knowledge.ingest import Source
from mdsa_server.web.rendering import size

MEGABYTE = 1_000_000
# So many of the largest documents may be sent at once; of small ones, as many as fit.
LARGEST_AT_ONCE = 10
FILES_AT_ONCE = 1000
# Parts of the form besides.
FIELDS = 10
# What is smaller stays in memory.
SPOOLED_BYTES = 500_000
FIELD_BYTES = 10_000
LONGEST_NAME = 400
# For so long what is too large is passed over: a browser reads no answer before it has sent everything.
PATIENCE_SECONDS = 10.0

AnyRequest = Request[Any, Any, Any]
TemporaryFile = SpooledTemporaryFile[bytes]


def upload_bytes(max_document_mb: float) -> int:
    """Give how large an upload may be, its form included, where a document may have so many MB."""
    return LARGEST_AT_ONCE * int(max_document_mb * MEGABYTE) + MEGABYTE


@dataclass(eq=False)
class Upload:
    """What was sent: its files by their names, and the other fields. Whoever has it closes it."""

    files: dict[str, TemporaryFile] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)

    def sources(self) -> Iterator[Source]:
        """Give the files as what can be taken in."""
        for name, sent in self.files.items():
            yield Source(name=name, sent=sent, bytes=sent.seek(0, 2), modified=time.time())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sent in self.files.values():
            sent.close()


async def read_upload(request: AnyRequest) -> Upload:
    """Read what is sent. Raises InvalidRequest, UploadTooLarge or StoreUnusable, and then nothing is kept."""
    kind, options = request.content_type
    if kind != RequestEncodingType.MULTI_PART or not options.get("boundary"):
        raise InvalidRequest("the body is not multipart/form-data with a boundary", "Send the files as a form does.")
    upload = Upload()
    try:
        await _read(request, options["boundary"], upload)
    except BaseException as error:
        upload.__exit__()
        match error:
            case ParserLimitReached():
                raise InvalidRequest(
                    f"the form is too much ({error})", f"Send {FILES_AT_ONCE:,} files at most."
                ) from error
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
    part: TemporaryFile | bytearray = bytearray()
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
                else:
                    await asyncio.to_thread(part.write, told)


def _begun(upload: Upload, filename: str) -> TemporaryFile:
    name = _name(filename)
    if name in upload.files:
        raise InvalidRequest(
            f"two files are called {name!r}, and a collection keeps one of a name", "Rename one, or send it elsewhere."
        )
    if len(upload.files) == FILES_AT_ONCE:
        raise InvalidRequest(f"there are more than {FILES_AT_ONCE:,} files", "Send fewer at once.")
    upload.files[name] = SpooledTemporaryFile(max_size=SPOOLED_BYTES)  # noqa: SIM115  # whoever has the upload closes it
    return upload.files[name]


def _name(filename: str) -> str:
    """Give the name of a file without the folders that some programs send before it."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(character if character.isprintable() else " " for character in last).strip()
    if not name:
        raise InvalidRequest(f"the file {filename!r} has no name", "Give it one.")
    return name[-LONGEST_NAME:]


def _text(name: str, content: bytearray) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{name} is not UTF-8", "Send it as UTF-8.") from error


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
