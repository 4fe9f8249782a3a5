"""What operations are said to answer at /schema; statuses come from the one table in `web/problems.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from litestar.enums import RequestEncodingType
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import BodyKwarg

from mdsa_server.errors import (
    EngineError,
    ForeignOrigin,
    InvalidRequest,
    KeyNeeded,
    MdsaError,
    ScopeMissing,
    TooManyRequests,
)
from mdsa_server.web.problems import PROBLEM_MEDIA_TYPE, STATUS, ProblemBody

EVENTS = "text/event-stream"

ANYWHERE = (
    InvalidRequest,
    KeyNeeded,
    ForeignOrigin,
    ScopeMissing,
    TooManyRequests,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
"""What any operation may answer."""

ENGINE = tuple(kind for kind in STATUS if issubclass(kind, EngineError))

TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
"""What an operation may answer that reads a body."""


def like(**example: str | bool) -> BodyKwarg:
    """A JSON body, with an example to begin from."""
    return BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=example)])


def fails(*kinds: type[MdsaError] | HTTPStatus) -> dict[int, ResponseSpec]:
    """Describe how an operation fails: as it may anywhere, and with errors of these kinds."""
    told: dict[int, dict[str, None]] = {}
    for kind in (*ANYWHERE, *kinds):
        status, words = (kind, kind.phrase) if isinstance(kind, HTTPStatus) else (STATUS[kind], kind.title)
        told.setdefault(int(status), {})[words] = None
    return {
        status: ResponseSpec(
            ProblemBody, description="; ".join(words), media_type=PROBLEM_MEDIA_TYPE, generate_examples=False
        )
        for status, words in sorted(told.items())
    }


def streams(events: str) -> dict[int, ResponseSpec]:
    """Describe an operation that answers with Server-Sent Events."""
    return {200: ResponseSpec(str, description=events, media_type=EVENTS, generate_examples=False)}


def also(media_type: str, kind: OpenAPIType = OpenAPIType.STRING) -> type[Operation]:
    """Describe an operation whose answer has another form, of some kind, besides the one of its return type."""

    @dataclass
    class InTwoForms(Operation):
        def __post_init__(self) -> None:
            assert isinstance(self.responses, Mapping)  # noqa: S101  # Litestar describes at least the answer
            answer = self.responses["200"]
            assert isinstance(answer, OpenAPIResponse)  # noqa: S101  # likewise
            answer.content = {
                **(answer.content or {}),
                media_type: OpenAPIMediaType(schema=Schema(type=kind)),
            }

    return InTwoForms
