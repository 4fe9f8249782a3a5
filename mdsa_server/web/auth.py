"""Who asks, from where, and what they may do."""

import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope as ConnectionScope

from mdsa_server.errors import ForeignOrigin, KeyNeeded, KeyRefused, ScopeMissing, StoreUnusable, TooManyRequests
from mdsa_server.store.access_keys import AccessKeys
from mdsa_server.store.sign_ins import SignIns
from mdsa_server.vocabulary.access import SCOPES, AccessKey
from mdsa_server.web.rates import Rates

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC = "public"
"""The scope of what anybody may ask for."""
ROUTE_SCOPES = frozenset({PUBLIC, *SCOPES})
"""What a route may declare."""
COOKIE = "mdsa_sign_in"
BEARER = "bearer "
HOW_TO_SHOW = "Send it in a header, Authorization: Bearer KEY; in a browser, sign in at /sign-in."


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request."""

    owner: str
    """Whose conversations these are."""
    scopes: frozenset[str]
    key: AccessKey | None = None
    """None for whoever needs none."""

    @property
    def among(self) -> tuple[str, ...]:
        """The domains that may answer; none where all may."""
        return self.key.domains if self.key else ()


ByCaller = NamedDependency[Caller]
"""The type of a handler's parameter `caller`."""

LOCAL = Caller("local", frozenset(SCOPES))
"""Whoever works at this machine: its terminal always, and everybody there while no key was made."""


class Doorkeeper:
    """Says who sent a request. `terminal` is the secret that the server leaves in its data folder for commands.

    `always`: a key is needed even where there is none, because other machines can reach the server.
    """

    def __init__(
        self, keys: AccessKeys, sign_ins: SignIns, terminal: str, *, always: bool, requests_per_minute: int
    ) -> None:
        self.keys = keys
        self.sign_ins = sign_ins
        self._terminal = terminal
        self._always = always
        self._requests_per_minute = requests_per_minute
        self._requests = Rates()
        self._tokens = Rates()
        self.attempts = Rates()
        """How many keys browsers try, by their addresses."""

    async def caller(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller:
        """Say who asks. Raises KeyNeeded, KeyRefused."""
        now = datetime.now(UTC)
        given = headers.get("authorization")
        if given is not None:
            return await self._by_secret(given, now)
        if not (self._always or self.keys.needed()):
            return LOCAL
        if token := cookies.get(COOKIE):
            key = self._signed_in(token, now)
            with suppress(StoreUnusable):
                await self.sign_ins.seen(token, now)
            return await self._of(key, now)
        raise KeyNeeded("no access key was shown", HOW_TO_SHOW)

    def admit(self, caller: Caller, address: str) -> None:
        """Count a request. Raises TooManyRequests."""
        per_minute = (caller.key and caller.key.requests_per_minute) or self._requests_per_minute
        if wait := self._requests.wait(caller.key.id if caller.key else address, per_minute):
            raise TooManyRequests(
                f"more than {per_minute} requests were sent within a minute",
                "Send them more slowly, or raise [limits] requests_per_minute in mdsa.toml.",
                wait=wait,
            )

    def check_tokens(self, caller: Caller) -> None:
        """Raise TooManyRequests where a key's turns have taken as many tokens of late as they may."""
        per_minute = caller.key and caller.key.tokens_per_minute
        if caller.key and per_minute and (wait := self._tokens.empty(caller.key.id, per_minute)):
            raise TooManyRequests(
                f"the turns of this access key took more than {per_minute:,} tokens a minute",
                "Wait, or ask for a key that may take more: mdsa keys create NAME --tokens N.",
                wait=wait,
            )

    def count_tokens(self, caller: Caller, tokens: int) -> None:
        """Take down what a turn took, its prompt and its answer."""
        if caller.key and caller.key.tokens_per_minute:
            self._tokens.owe(caller.key.id, caller.key.tokens_per_minute, tokens)

    async def _by_secret(self, given: str, now: datetime) -> Caller:
        if given[: len(BEARER)].lower() != BEARER:
            raise KeyRefused("the header Authorization holds no key", HOW_TO_SHOW)
        secret = given[len(BEARER) :].strip()
        if hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), self._terminal.encode()):
            return LOCAL
        return await self._of(self.checked(self.keys.recognised(secret), now), now)

    def checked(self, key: AccessKey | None, now: datetime) -> AccessKey:
        """Give a key back if it opens anything. Raises KeyRefused, which says why not only to who has the key."""
        if key is None:
            raise KeyRefused("there is no such access key", "See that it was copied whole: it begins with mdsa_.")
        if not key.holds(now):
            what = "was revoked" if key.revoked else "has expired"
            raise KeyRefused(f"the access key {key.name!r} {what}", "Ask for another: mdsa keys create NAME.")
        return key

    def signed_in(self, token: str) -> AccessKey | None:
        """Give the key that a browser signed in with, whether it still opens anything or not."""
        identifier = self.sign_ins.key_of(token, datetime.now(UTC)) if token else None
        return self.keys.of(identifier) if identifier else None

    def _signed_in(self, token: str, now: datetime) -> AccessKey:
        key = self.signed_in(token)
        if key is None:
            raise KeyNeeded("this browser is not signed in, or was signed out", HOW_TO_SHOW)
        try:
            return self.checked(key, now)
        except KeyRefused as error:
            raise KeyNeeded(error.detail, HOW_TO_SHOW) from error

    def still_opens(self, caller: Caller) -> bool:
        """Whether what a caller was let in by opens anything still: streams go on for long."""
        now, known = datetime.now(UTC), caller.key and self.keys.of(caller.key.id)
        return caller.key is None or (known is not None and known.holds(now))

    async def _of(self, key: AccessKey, now: datetime) -> Caller:
        # Who may come in is known without the store; only that they came is not written down then.
        with suppress(StoreUnusable):
            await self.keys.used(key, now)
        return Caller(key.id, frozenset(key.scopes), key)


def require_admin(caller: Caller, what: str) -> None:
    """Raise ScopeMissing where a caller may not change what the server does; `what` names what was asked for."""
    if "admin" not in caller.scopes:
        raise ScopeMissing(f"{what} needs the scope 'admin'", "Send the files themselves, or ask for a key with it.")


def tell_caller(scope: ConnectionScope, key: AccessKey | None) -> None:
    """Say whose key it was that something was done with on a page that asks for none."""
    if key:
        scope["state"]["caller"] = Caller(key.id, frozenset(key.scopes), key)


def provide_caller(scope: ConnectionScope) -> Caller:
    """Give whom the guard found to ask."""
    caller: Caller = scope["state"]["caller"]
    return caller


def guard_against_strangers(
    allowed_hosts: Collection[str],
) -> Callable[[ASGIConnection, BaseRouteHandler], Awaitable[None]]:  # type: ignore[type-arg]  # of any connection
    """Make the guard every route passes: the Host is ours, a write comes from no other site, the scope is had."""
    hosts = LOOPBACK_HOSTS | {host.lower() for host in allowed_hosts}

    async def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # likewise
        check_host(connection.headers, hosts)
        if connection.scope.get("method", "GET") not in SAFE_METHODS:
            check_origin(connection.headers)
        scope = handler.opt.get("scope")
        if scope not in ROUTE_SCOPES:
            raise ScopeMissing(f"this route declares no scope ({handler})", "Report it: it is a fault of the server.")
        if scope == PUBLIC:
            connection.scope["state"]["admitted"] = True
            return
        doorkeeper: Doorkeeper = connection.app.state.rooms.doorkeeper
        caller = await doorkeeper.caller(connection.headers, connection.cookies)
        connection.scope["state"]["caller"] = caller
        doorkeeper.admit(caller, connection.client.host if connection.client else "nowhere")
        if scope not in caller.scopes:
            raise ScopeMissing(f"the scope {scope!r} is needed", "Ask for it where the key was given out.")
        connection.scope["state"]["admitted"] = True

    return guard


def check_host(headers: Mapping[str, str], hosts: Collection[str]) -> None:
    """Refuse a foreign Host header: a page of another site that had its name point here. Raises ForeignOrigin."""
    host = _without_port(headers.get("host", ""))
    if host not in hosts:
        raise ForeignOrigin(
            f"the Host header names {host!r}, and this server is not known by that name",
            f'If it should be, add it to mdsa.toml: [server] allowed_hosts = ["{host}"].',
        )


def check_origin(headers: Mapping[str, str]) -> None:
    """Refuse a write that a browser sends for another site's page. Raises ForeignOrigin.

    Browsers of today say so in Sec-Fetch-Site (W3C Fetch Metadata), older ones in Origin; programs send neither.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        foreign = site not in ("same-origin", "none")
    else:
        foreign = origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    if foreign:
        raise ForeignOrigin(
            f"a page of {origin or 'another site'} tried to change something here",
            "Use this server's own pages, or a program.",
        )


def _without_port(host: str) -> str:
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()
