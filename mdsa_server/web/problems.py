"""Errors as answers: RFC 9457 problem details for programs, HTML for people."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException
from litestar.response import Redirect, Template
from litestar.types import ExceptionHandlersMap
from msgspec import Struct
from msgspec.structs import replace

from mdsa_server import errors
from mdsa_server.errors import MdsaError, code_of
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.problem import CANCELLED, UNEXPECTED, Problem
from mdsa_server.web import bodies
from mdsa_server.web.origins import page_shown

log = structlog.get_logger(__name__)

AnyRequest = Request[Any, Any, Any]

STATUS: dict[type[MdsaError], int] = {
    errors.InvalidRequest: 400,
    errors.MessageTooLong: 413,
    errors.ConversationFull: 413,
    errors.UnknownDomain: 404,
    errors.UnknownConversation: 404,
    errors.UnknownTurn: 404,
    errors.UnknownAccessKey: 404,
    errors.UnknownCorrection: 404,
    errors.UnknownDocument: 404,
    errors.UnknownCollection: 404,
    errors.DocumentUnreadable: 422,
    errors.UploadTooLarge: 413,
    errors.UnknownIngestion: 404,
    errors.TooManyIngestions: 429,
    errors.LearningWorsened: 409,
    errors.UnknownTool: 404,
    errors.ArgumentsUnfit: 422,
    errors.ToolDenied: 403,
    errors.UnknownPlugin: 404,
    errors.PluginNotLoaded: 409,
    errors.UnknownModel: 404,
    errors.ForeignOrigin: 403,
    errors.KeyNeeded: 401,
    errors.KeyRefused: 401,
    errors.TooManyRequests: 429,
    errors.TooManyTurns: 429,
    errors.ScopeMissing: 403,
    errors.EngineError: 502,
    errors.NoEngine: 503,
    errors.EngineUnreachable: 503,
    errors.EngineBusy: 503,
    errors.LineFull: 503,
    errors.NoRoom: 503,
    errors.NotAsking: 409,
    errors.ModelInUse: 409,
    errors.EngineRefused: 502,
    errors.PromptTooLong: 413,
    errors.EngineDied: 502,
    errors.ModelTimeout: 504,
    errors.ConfigurationInvalid: 422,
    errors.DataFolderInUse: 503,
    errors.StoreUnusable: 503,
    errors.StoreFull: 503,
    errors.StoreLocked: 503,
    errors.StoreReadOnly: 503,
    errors.StoreDamaged: 503,
    errors.EmbedderUnavailable: 503,
    errors.PluginFault: 502,
    errors.ToolRefused: 422,
    errors.ServerClosing: 503,
    errors.ServerStopped: 503,
}
"""The one table from errors to status codes; every error has its row."""

STATUS_BY_CODE = {code_of(kind): status for kind, status in STATUS.items()} | {CANCELLED.code: 409}

PROBLEM_MEDIA_TYPE = "application/problem+json"


class ProblemBody(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem as RFC 9457 writes it, with the members `code`, `mend`, `retry_after` and `faults` of our own."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    mend: str = ""
    retry_after: int | None = None
    """As the header Retry-After, in seconds."""
    faults: tuple[Fault, ...] = ()
    """What is wrong in a configuration."""


class ToldProblem(MdsaError):
    """A problem at hand as data, to be answered with a status and headers that its error's row does not give."""

    def __init__(self, problem: Problem, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.detail, problem.mend)
        self.told = problem
        self.status = status
        self.headers = headers or {}


def status_of(problem: Problem) -> int:
    """Give the status of a problem that came as data, such as a failed turn's."""
    return STATUS_BY_CODE.get(problem.code, HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_response(
    request: AnyRequest, problem: Problem, status: int, faults: tuple[Fault, ...] = ()
) -> Response[Any] | Template:
    """Answer with a problem: as a fragment where htmx asks, a page where a browser does, JSON otherwise."""
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    wants_html = "text/html" in request.headers.get("accept", "")
    if request.headers.get("hx-request") or (wants_html and not request.scope["path"].startswith("/api/")):
        problem = replace(problem, mend=MENDS_FOR_PEOPLE.get(problem.code, problem.mend))
        kind = "fragments" if request.headers.get("hx-request") else "pages"
        return Template(
            f"{kind}/problem.html",
            context={"problem": problem, "status": status, "faults": faults},
            status_code=status,
            headers=headers,
        )
    body = ProblemBody(
        type=f"urn:mdsa:problem:{problem.code}",
        title=problem.title,
        status=status,
        detail=problem.detail,
        code=problem.code,
        mend=problem.mend,
        retry_after=problem.retry_after,
        faults=faults,
    )
    return Response(body, status_code=status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def _ours(request: AnyRequest, error: MdsaError) -> Response[Any] | Template:
    if isinstance(error, errors.KeyNeeded) and (asked := _sent_to_sign_in(request)):
        return asked
    if isinstance(error, ToldProblem):
        response = problem_response(request, error.told, error.status)
        response.headers.update(error.headers)
        return response
    return problem_response(request, error.problem, STATUS[type(error)], getattr(error, "faults", ()))


def _sent_to_sign_in(request: AnyRequest) -> Response[Any] | None:
    """Send the reader of a page to sign in, and back; None for a program, which is told what is wrong."""
    if request.headers.get("hx-request"):
        # The page that it is part of is what is to be read again.
        to = quote(page_shown(request.headers) or "/")
        return Response(None, status_code=401, headers={"HX-Redirect": f"/sign-in?to={to}"})
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return None
    query = request.scope["query_string"].decode("latin-1")
    to = request.scope["path"] + (f"?{query}" if query else "")
    return Redirect(f"/sign-in?to={quote(to, safe='/')}", status_code=303)


def _of_the_framework(request: AnyRequest, error: HTTPException) -> Response[Any] | Template:
    """What Litestar itself refuses: unknown paths, wrong methods, bodies that do not fit."""
    status = HTTPStatus(error.status_code)
    problem = Problem(
        code=status.phrase.lower().replace(" ", "-"),
        title=status.phrase,
        detail=_detail(request, error),
        mend=MENDS.get(status, ""),
    )
    response = problem_response(request, problem, status)
    # As Allow, which says what else may be asked at an address.
    response.headers.update(error.headers or {})
    return response


def no_such_page(request: AnyRequest, error: Exception) -> Response[Any] | Template:
    """Answer as where there is nothing at an address."""
    return _of_the_framework(request, NotFoundException())


def _unforeseen(request: AnyRequest, error: Exception) -> Response[Any] | Template:
    log.error("request broke", path=request.scope["path"], exc_info=error)
    return problem_response(request, UNEXPECTED, HTTPStatus.INTERNAL_SERVER_ERROR)


MENDS = {
    HTTPStatus.NOT_FOUND: "The API is described at /schema.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The API is described at /schema.",
    HTTPStatus.BAD_REQUEST: bodies.MEND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Send less, or raise [server] max_body_bytes in mdsa.toml.",
}


MENDS_FOR_PEOPLE = {
    code_of(errors.UnknownConversation): "It may have been deleted. Choose another one in the chat, or begin anew.",
    code_of(errors.UnknownTurn): "Its conversation may have been deleted. Load the page again.",
    code_of(errors.UnknownCorrection): "Its conversation may have been deleted. Load the page again.",
    code_of(
        errors.UnknownDocument
    ): "It may have been deleted, or taken in anew. The list of documents has those there are.",
    code_of(errors.LearningWorsened): "Reject it, or give the domain more examples, or sharper ones, in mdsa.toml."
    " “Accept anyway” teaches it all the same.",
}
"""Where the error itself says which request of the API helps."""

EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    MdsaError: _ours,
    HTTPException: _of_the_framework,
    Exception: _unforeseen,
}


def _detail(request: AnyRequest, error: HTTPException) -> str:
    """Say what did not fit, and where; Litestar names the place in `extra`."""
    faults = [fault for fault in error.extra if fault.get("message")] if isinstance(error.extra, list) else []
    return "; ".join(f"{_asked(request, fault.get('key', ''))}: {fault['message']}" for fault in faults) or error.detail


def _asked(request: AnyRequest, key: str) -> str:
    """Give the name by which a caller knows one of a handler's parameters."""
    if key in ("", "data"):
        return "body"
    parameter = request.route_handler.parsed_fn_signature.parameters.get(key)
    return getattr(parameter and parameter.kwarg_definition, "name", None) or key
