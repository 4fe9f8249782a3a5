"""Collections that callers name: whether there is such a one, and which may have been meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from mdsa_server.errors import UnknownCollection
from mdsa_server.web.rooms import Rooms

MOST_NAMED = 10


async def known_collections(rooms: Rooms) -> dict[str, list[str]]:
    """Give the collections that are kept or that domains name, each with the domains that answer from it."""
    readers: dict[str, list[str]] = {name: [] for name in await rooms.library.documents.collection_names()}
    for domain in rooms.live_turns.desk.team.domains.values():
        for collection in domain.collections:
            readers.setdefault(collection, []).append(domain.name)
    return dict(sorted(readers.items()))


async def require_collections(rooms: Rooms, names: Iterable[str]) -> None:
    """Raise UnknownCollection for a name of which nothing is kept, unless a domain names it: then it is empty."""
    known = await known_collections(rooms)
    for name in names:
        if name not in known:
            raise UnknownCollection(f"no collection is called {name!r}", _meant(name, list(known)))


def _meant(name: str, known: list[str]) -> str:
    if close := get_close_matches(name, known, n=1):
        return f"Did you mean {close[0]}?"
    if not known:
        return "There are none yet. Take documents in: mdsa documents add PATH --collection NAME."
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"There are {', '.join(known[:MOST_NAMED])}{more}."
