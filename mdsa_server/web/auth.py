"""Who asks, from where, and what they may do."""

import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers.base import BaseRouteHandler
from litestar.types import Scope as ConnectionScope

from mdsa_server.errors import KeyNeeded, KeyRefused, ScopeMissing, StoreUnusable, TooManyRequests
from mdsa_server.store.access_keys import AccessKeys
from mdsa_server.store.sign_ins import SignIns
from mdsa_server.vocabulary.access import SCOPES, AccessKey
from mdsa_server.web.origins import check_host, check_origin, from_this_machine, would_read
from mdsa_server.web.rates import Rates, address_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PUBLIC = "public"
"""The scope of what anybody may ask for."""
ROUTE_SCOPES = frozenset({PUBLIC, *SCOPES})
"""What a route may declare."""
MOST_STREAMS = 200
"""So many one caller may follow at once: browsers hold six connections to a server, and a key may have many readers."""
STREAM_WAIT_SECONDS = 10.0
WRONG_KEYS_A_MINUTE = 60
"""So many of one address are told what is wrong with them: programs go on trying with a key that has expired."""
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
    address: str = ""
    """Where from."""

    @property
    def counted_as(self) -> str:
        """By what it is counted how much is asked for: the key, or the address where no key is needed."""
        return self.key.id if self.key else self.address

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
        self.attempts = Rates()
        """How many keys browsers try, by their addresses."""
        self._wrong_keys = Rates()
        """By addresses. Never looked at for a key that opens: whoever comes through one proxy has one address."""
        self._streams: Counter[str] = Counter()

    async def caller(self, headers: Mapping[str, str], cookies: Mapping[str, str], address: str) -> Caller:
        """Say who asks, and take down that they did.

        Raises as `recognised` does, and TooManyRequests where too many wrong keys came from the address.
        """
        now = datetime.now(UTC)
        try:
            caller = replace(self.recognised(headers, cookies, now), address=address)
        except KeyRefused as error:
            if wait := self._wrong_keys.wait(address, WRONG_KEYS_A_MINUTE):
                raise TooManyRequests(
                    f"{WRONG_KEYS_A_MINUTE} access keys that open nothing were tried within a minute",
                    "Try the right one: it is let in at any time.",
                    wait=wait,
                ) from error
            raise
        if caller.key:
            # Who may come in is known without the store; only that they came is not written down then.
            with suppress(StoreUnusable):
                await self.keys.used(caller.key, now)
                if "authorization" not in headers:
                    await self.sign_ins.seen(cookies[COOKIE], now)
        return caller

    def recognised(self, headers: Mapping[str, str], cookies: Mapping[str, str], now: datetime) -> Caller:
        """Say who asks. Raises KeyNeeded, KeyRefused.

        Another site's page shows a key in any case: what a browser adds of its own accord is not that page's. So does
        who comes through a proxy, which lets in whom it can reach.
        """
        given = headers.get("authorization")
        if given is not None:
            return self._by_secret(given, now)
        if would_read(headers):
            raise KeyNeeded("a page of another site asks, and shows no access key", HOW_TO_SHOW)
        if not (self._always or self.keys.needed()) and from_this_machine(headers):
            return LOCAL
        if token := cookies.get(COOKIE):
            return _with(self._signed_in(token, now))
        how = HOW_TO_SHOW if self.keys.needed() else f"There is none yet: mdsa keys create NAME. {HOW_TO_SHOW}"
        raise KeyNeeded("no access key was shown", how)

    def still_opens(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
        """Whether what a request was let in by opens anything still: streams go on for long."""
        try:
            self.recognised(headers, cookies, datetime.now(UTC))
        except KeyNeeded:
            return False
        return True

    def admit(self, caller: Caller) -> None:
        """Count a request. Raises TooManyRequests."""
        per_minute = (caller.key and caller.key.requests_per_minute) or self._requests_per_minute
        if wait := self._requests.wait(caller.counted_as, per_minute):
            raise TooManyRequests(
                f"more than {per_minute} requests were sent within a minute",
                "Send them more slowly, or raise [limits] requests_per_minute in mdsa.toml.",
                wait=wait,
            )

    @contextmanager
    def following(self, caller: Caller, method: str) -> Iterator[None]:
        """Count a stream for as long as it lasts. Raises TooManyRequests.

        A stream that tells what its own request has begun is never refused: that has limits of its own.
        """
        if method in SAFE_METHODS and self._streams[caller.counted_as] >= MOST_STREAMS:
            raise TooManyRequests(
                f"{MOST_STREAMS} streams are followed at once already",
                "End some of them, or make each program and reader an access key of their own.",
                wait=STREAM_WAIT_SECONDS,
            )
        self._streams[caller.counted_as] += 1
        try:
            yield
        finally:
            self._streams[caller.counted_as] -= 1
            # Only those who follow something are remembered.
            self._streams += Counter()

    def _by_secret(self, given: str, now: datetime) -> Caller:
        if given[: len(BEARER)].lower() != BEARER:
            raise KeyRefused("the header Authorization holds no key", HOW_TO_SHOW)
        secret = given[len(BEARER) :].strip()
        if hmac.compare_digest(secret.encode("utf-8", "surrogatepass"), self._terminal.encode()):
            return LOCAL
        return _with(self.checked(self.keys.recognised(secret), now))

    def check_key(self, caller: Caller) -> None:
        """Raise KeyRefused where the key that a caller came with opens nothing any more."""
        if caller.key:
            self.checked(self.keys.of(caller.key.id), datetime.now(UTC))

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


def _with(key: AccessKey) -> Caller:
    return Caller(key.id, frozenset(key.scopes), key)


def require_admin(caller: Caller, what: str) -> None:
    """Raise ScopeMissing where a caller may not change what the server does; `what` names what was asked for."""
    if "admin" not in caller.scopes:
        raise ScopeMissing(f"{what} needs the scope 'admin'", "Send the files themselves, or ask for a key with it.")


def tell_caller(scope: ConnectionScope, key: AccessKey | None) -> None:
    """Say whose key it was that something was done with on a page that asks for none."""
    if key:
        scope["state"]["caller"] = _with(key)


def provide_caller(scope: ConnectionScope) -> Caller:
    """Give whom the guard found to ask."""
    caller: Caller = scope["state"]["caller"]
    return caller


def guard_against_strangers(
    allowed_hosts: Collection[str], cors_origins: Collection[str]
) -> Callable[[ASGIConnection, BaseRouteHandler], Awaitable[None]]:  # type: ignore[type-arg]  # of any connection
    """Make the guard every route passes: the Host is ours, a write comes from no site but ours, the scope is had.

    Pages of `cors_origins` may write too, but never sign a browser in or out.
    """
    hosts = {host.lower().strip("[]") for host in allowed_hosts}

    async def guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:  # type: ignore[type-arg]  # likewise
        check_host(connection.headers, hosts)
        scope = handler.opt.get("scope")
        if connection.scope.get("method", "GET") not in SAFE_METHODS:
            check_origin(connection.headers, () if scope == PUBLIC else cors_origins)
        if scope not in ROUTE_SCOPES:
            raise ScopeMissing(f"this route declares no scope ({handler})", "Report it: it is a fault of the server.")
        if scope == PUBLIC:
            connection.scope["state"]["admitted"] = True
            return
        doorkeeper: Doorkeeper = connection.app.state.rooms.doorkeeper
        address = address_of(connection.scope)
        caller = await doorkeeper.caller(connection.headers, connection.cookies, address)
        connection.scope["state"]["caller"] = caller
        doorkeeper.admit(caller)
        if scope not in caller.scopes:
            raise ScopeMissing(f"the scope {scope!r} is needed", "Ask for it where the key was given out.")
        connection.scope["state"]["admitted"] = True

    return guard
