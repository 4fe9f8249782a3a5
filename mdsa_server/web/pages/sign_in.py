"""Signing in: a browser shows an access key once, and is known by a cookie from then on."""

from datetime import UTC, datetime
from math import ceil
from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.datastructures import Cookie
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct

from mdsa_server.errors import KeyRefused, TooManyRequests
from mdsa_server.vocabulary.access import AccessKey
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.web.auth import COOKIE, PUBLIC, tell_caller
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.pages.surroundings import surroundings
from mdsa_server.web.problems import STATUS
from mdsa_server.web.rates import address_of
from mdsa_server.web.rendering import first_page
from mdsa_server.web.rooms import InRooms, Rooms

ATTEMPTS_A_MINUTE = 10
HOME = "/"
# As long as browsers keep any: when one that stays away is signed out, the server says.
COOKIE_SECONDS = 400 * 86_400

AnyRequest = Request[Any, Any, Any]
Onward = Annotated[str, Meta(max_length=2000)]
AskedOnward = Annotated[str, QueryParameter(name="to", max_length=2000)]


class SignInForm(Struct, frozen=True, kw_only=True):
    key: Annotated[str, Meta(max_length=500)]
    to: Onward = HOME


class SignInPages(Controller):
    """The page, and what its buttons do."""

    opt = {"scope": PUBLIC}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader
    include_in_schema = False

    @get("/sign-in")
    async def page(
        self,
        rooms: InRooms,
        request: AnyRequest,
        onward: Annotated[str, QueryParameter(name="to", max_length=2000)] = HOME,
    ) -> Template:
        """Ask for a key; who is signed in may sign out."""
        return _page(rooms, request, to=onward)

    @post("/sign-in", operation_id="SignIn", status_code=200)
    async def sign_in(
        self, data: URLEncodedBody[SignInForm], rooms: InRooms, request: AnyRequest
    ) -> Template | Redirect:
        """Sign a browser in, and send it where it wanted to go."""
        doorkeeper, now = rooms.doorkeeper, datetime.now(UTC)
        if wait := doorkeeper.attempts.wait(address_of(request.scope), ATTEMPTS_A_MINUTE):
            tried = f"{ATTEMPTS_A_MINUTE} access keys were tried within a minute"
            problem = TooManyRequests(tried, f"Wait {ceil(wait)} s.", wait=wait).problem
            return _page(rooms, request, to=data.to, problem=problem, status=STATUS[TooManyRequests])
        try:
            key = doorkeeper.checked(doorkeeper.keys.recognised(data.key.strip()), now)
        except KeyRefused as error:
            return _page(rooms, request, to=data.to, problem=error.problem, status=STATUS[KeyRefused])
        token = await doorkeeper.sign_ins.begin(key.id, now)
        tell_caller(request.scope, key)
        return Redirect(_onward(data.to, key), status_code=303, cookies=[_cookie(request, token, COOKIE_SECONDS)])

    @post("/sign-out", operation_id="SignOut", status_code=303)
    async def sign_out(self, rooms: InRooms, request: AnyRequest) -> Redirect:
        """Sign this browser out."""
        if token := request.cookies.get(COOKIE):
            tell_caller(request.scope, rooms.doorkeeper.signed_in(token))
            await rooms.doorkeeper.sign_ins.end(token)
        return Redirect("/sign-in", status_code=303, cookies=[_cookie(request, "", 0)])

    @post("/sign-out-everywhere", operation_id="SignOutEverywhere", status_code=303)
    async def sign_out_everywhere(self, rooms: InRooms, request: AnyRequest) -> Redirect:
        """Sign out every browser that signed in with the same key as this one."""
        if key := rooms.doorkeeper.signed_in(request.cookies.get(COOKIE, "")):
            tell_caller(request.scope, key)
            await rooms.doorkeeper.sign_ins.end_all(key.id)
        return Redirect("/sign-in", status_code=303, cookies=[_cookie(request, "", 0)])


def inside(address: str) -> str:
    """Give an address of this server; what leads elsewhere leads to the first page."""
    leads_here = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if leads_here else HOME


def _onward(address: str, key: AccessKey) -> str:
    """Give where a reader goes on to: a key that is for no chat opens no welcome page."""
    onward = inside(address)
    return first_page(key.scopes) if onward == HOME else onward


def _page(rooms: Rooms, request: AnyRequest, *, to: str, problem: Problem | None = None, status: int = 200) -> Template:
    key = rooms.doorkeeper.signed_in(request.cookies.get(COOKIE, ""))
    signed_in = key if key and key.holds(datetime.now(UTC)) else None
    tell_caller(request.scope, signed_in)
    onward = _onward(to, signed_in) if signed_in else inside(to)
    context = {"to": onward, "signed_in": signed_in, "problem": problem, "status": status, "faults": ()}
    headers = {"Retry-After": str(problem.retry_after)} if problem and problem.retry_after else {}
    return Template(
        "pages/sign_in.html", context=surroundings(rooms, "sign-in") | context, status_code=status, headers=headers
    )


def _cookie(request: AnyRequest, token: str, seconds: int) -> Cookie:
    """Scripts cannot read it, other sites' forms do not send it, and what came encrypted goes back so alone.

    Whether it did, a proxy says; whoever else claims it only keeps a cookie of his own from going back unencrypted.
    """
    proxied = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
    return Cookie(
        COOKIE,
        "/",
        token,
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=proxied == "https",
    )
