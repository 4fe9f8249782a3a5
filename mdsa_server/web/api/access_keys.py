"""Access keys under /api/keys: made, listed, given another secret, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from msgspec import Meta, Struct, field

from mdsa_server.errors import InvalidRequest, StoreUnusable, UnknownAccessKey, UnknownDomain
from mdsa_server.vocabulary.access import AccessKey, Scope
from mdsa_server.vocabulary.audit import THIS_MACHINE, UNKNOWN
from mdsa_server.web.api.operations import TOO_LARGE, fails, like
from mdsa_server.web.audit import tell_made
from mdsa_server.web.bodies import BodyReader
from mdsa_server.web.rooms import InRooms
from mdsa_server.web.texts import not_blank

LONGEST_DAYS = 3650
MOST_A_MINUTE = 1_000_000_000
MEND_ENDED = "Make another: mdsa keys create NAME."
MEND_NAME = "Name it after who uses it."


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is to be."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Meta(min_length=1)] = field(default_factory=lambda: ["chat"])
    domains: tuple[str, ...] = ()
    """Those that may answer; empty for all."""
    days: Annotated[float, Meta(gt=0, le=LONGEST_DAYS)] | None = None
    """For how long it holds; null for as long as nobody revokes it."""
    requests_per_minute: Annotated[int, Meta(ge=1, le=MOST_A_MINUTE)] | None = None
    tokens_per_minute: Annotated[int, Meta(ge=1, le=MOST_A_MINUTE)] | None = None


class ShownKey(Struct, frozen=True, kw_only=True):
    """A key with its secret, which is told this once."""

    key: AccessKey
    secret: str


NewKeyBody = Annotated[NewKey, like(name="laptop")]


class AccessKeyController(Controller):
    """Who may call the server, and what they may do."""

    path = "/api/keys"
    tags = ("access keys",)
    opt = {"scope": "admin"}  # noqa: RUF012  # Litestar reads it so
    request_class = BodyReader

    @get("/", operation_id="ListAccessKeys", responses=fails())
    async def list_keys(self, rooms: InRooms) -> list[AccessKey]:
        """List the keys, those that open nothing any more too; secrets are not kept."""
        return rooms.doorkeeper.keys.all()

    @post("/", operation_id="CreateAccessKey", responses=fails(UnknownDomain, StoreUnusable, TOO_LARGE))
    async def create_key(self, data: NewKeyBody, rooms: InRooms, request: Request[Any, Any, Any]) -> ShownKey:
        """Make a key; its secret is in this answer and nowhere else. From the first key on, everybody needs one."""
        for domain in data.domains:
            rooms.live_turns.desk.team.domain(domain)
        key, secret = await rooms.doorkeeper.keys.create(
            _name(data.name),
            tuple(dict.fromkeys(data.scopes)),
            domains=data.domains,
            expires=datetime.now(UTC) + timedelta(days=data.days) if data.days else None,
            requests_per_minute=data.requests_per_minute,
            tokens_per_minute=data.tokens_per_minute,
        )
        tell_made(request.scope, key=key.id)
        return ShownKey(key=key, secret=secret)

    @post(
        "/{key:str}/rotate",
        operation_id="RotateAccessKey",
        status_code=200,
        responses=fails(InvalidRequest, UnknownAccessKey, StoreUnusable),
    )
    async def rotate_key(self, key: FromPath[str], rooms: InRooms) -> ShownKey:
        """Give a key another secret. The former one opens nothing any more, and browsers are signed out."""
        known = rooms.doorkeeper.keys.of(key)
        if known and not known.holds(datetime.now(UTC)):
            ended = "was revoked" if known.revoked else "has expired"
            raise InvalidRequest(f"the access key {known.name!r} {ended}: no secret would open anything", MEND_ENDED)
        changed, secret = await rooms.doorkeeper.keys.rotate(key, rooms.doorkeeper.sign_ins)
        return ShownKey(key=changed, secret=secret)

    @post(
        "/{key:str}/revoke",
        operation_id="RevokeAccessKey",
        status_code=200,
        responses=fails(UnknownAccessKey, StoreUnusable),
    )
    async def revoke_key(self, key: FromPath[str], rooms: InRooms) -> AccessKey:
        """Have a key open nothing any more, and stop its turns; what was said with it stays.

        Where it was the last key, nobody needs one.
        """
        keys = rooms.doorkeeper.keys
        try:
            return await keys.revoke(key, rooms.doorkeeper.sign_ins)
        finally:
            # Also where that could not be written down: who revokes a key wants an end of what it began.
            if keys.of(key):
                await rooms.live_turns.cancel_all(key)


def _name(given: str) -> str:
    """Give a key's name as it may stand in the audit log. Raises InvalidRequest."""
    name = not_blank("name", given, MEND_NAME)
    if not name.isprintable():
        raise InvalidRequest("name: it has characters that cannot be seen", MEND_NAME)
    if name.casefold() in (THIS_MACHINE, UNKNOWN):
        raise InvalidRequest(f"name: the audit log calls others {name!r}", MEND_NAME)
    return name
