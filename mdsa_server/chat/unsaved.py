"""Turns that the store could not take: answered all the same, found and gone on from, until it can take them."""

from collections.abc import Mapping, Sequence

import structlog
from msgspec.structs import replace

from mdsa_server.chat.live_turn import LiveTurn
from mdsa_server.errors import StoreUnusable, UnknownConversation
from mdsa_server.store.conversations import BegunTurn, Conversations, begun_turn, title_of, turn_named
from mdsa_server.vocabulary.conversation import Conversation
from mdsa_server.vocabulary.events import TurnFailed
from mdsa_server.vocabulary.problem import Problem
from mdsa_server.vocabulary.turn import Turn

log = structlog.get_logger(__name__)

# Of those that have ended: each is held in memory with all that happened in it.
MOST_UNSAVED = 200

LET_GO = StoreUnusable(
    "The message was kept; the answer was not, because too many turns waited to be saved.", "Send the message again."
).problem


class UnsavedTurns:
    """Those of the live turns that are not in the store. `live` has all live turns by id, in the order they began."""

    def __init__(self, conversations: Conversations, live: dict[str, LiveTurn]) -> None:
        self._conversations = conversations
        self._live = live
        self.let_go: dict[str, tuple[Turn, TurnFailed]] = {}
        """Those let go of whose messages are in the store, with the end to be saved instead of theirs: else they would
        stand there as running."""

    def messages(self) -> list[BegunTurn]:
        """Give those of which not even the message is saved, in the order in which they began."""
        return [live.unsaved for live in self._live.values() if live.unsaved]

    def ended(self) -> list[LiveTurn]:
        """Give those whose end is told and not saved, in the order in which they began."""
        return [live for live in self._live.values() if live.stream.ended]

    def saved(self, messages: Sequence[BegunTurn]) -> None:
        """Take down that messages are in the store now."""
        for message in messages:
            if live := self._live.get(message.turn.id):
                live.unsaved = None

    def forget(self, owner: str, conversation: str) -> dict[LiveTurn, BegunTurn]:
        """Have no message of a conversation saved any more; give those that would have been."""
        forgotten = {}
        for live in self._of(owner, conversation).values():
            if live.unsaved:
                forgotten[live], live.unsaved = live.unsaved, None
        return forgotten

    def remember(self, forgotten: Mapping[LiveTurn, BegunTurn]) -> None:
        """Have messages saved after all."""
        for live, begun in forgotten.items():
            live.unsaved = begun

    async def begin(
        self,
        owner: str,
        conversation: str | None,
        message: str,
        *,
        instead_of: str | None = None,
        after: str | None = None,
        aside: bool = False,
    ) -> tuple[BegunTurn, Problem | None]:
        """Make a turn that is in no store, in the place that `Conversations.begin_turn` would give it.

        Raises as that does, but for StoreUnusable: a conversation that cannot be read is gone on with unread, and why
        is given too.
        """
        unread = None
        try:
            home, parent = self._beside(owner, conversation, instead_of, after) or await self._conversations.place(
                owner, conversation, instead_of, after
            )
        except StoreUnusable as error:
            home, parent = conversation, None
            unread = error.problem if conversation or instead_of or after else None
        return begun_turn(owner, home, parent, message, aside=aside), unread

    def before(self, turn: Turn) -> list[Turn]:
        """Give the turns that lead to this one and whose ends are not in the store, oldest first."""
        found: list[Turn] = []
        parent = turn.parent
        while parent is not None and (live := self._live.get(parent)) and live.stream.ended:
            found.insert(0, live.stream.so_far())
            parent = live.stream.turn.parent
        return found

    async def read(
        self, owner: str, conversation: str, *, through: str | None = None, before: str | None = None, limit: int = -1
    ) -> Conversation:
        """Give a conversation as `Conversations.read` does; its unsaved turns stand at the ends of their branches."""
        here = self._of(owner, conversation)
        named = through or before
        path = _branch(here, named)
        if here and named and not path:
            path = _branch(here, (await self._conversations.read(owner, conversation, through=named, limit=1)).leaf)
        if not path:
            return await self._conversations.read(owner, conversation, through=through, before=before, limit=limit)
        if before is not None and before not in here:
            kept = await self._conversations.read(owner, conversation, before=before, limit=limit)
            return replace(kept, leaf=path[-1].stream.turn.id)
        end = next((place for place, live in enumerate(path) if live.stream.turn.id == before), len(path))
        return await self._after_kept(owner, path, end, limit, here)

    async def _after_kept(
        self, owner: str, path: Sequence[LiveTurn], end: int, limit: int, here: Mapping[str, LiveTurn]
    ) -> Conversation:
        """Give the last `limit` turns of an unsaved path, up to its place `end`, and of what is saved before it."""
        opening, leaf = path[0].stream.turn, path[-1].stream.turn
        first = max(end - limit, 0) if limit >= 0 else 0
        turns = [live.stream.so_far() for live in path[first:end]]
        room = limit - len(turns) if limit >= 0 else -1
        stood: tuple[str, ...] = ()
        try:
            kept = await self._conversations.read_to(owner, opening.conversation, opening.parent, room)
            stood = await self._conversations.beside(opening)
        except (StoreUnusable, UnknownConversation):
            title, started = title_of(opening.message), opening.started
            kept = Conversation(id=opening.conversation, title=title, created=started, updated=started)
        places = {turn.id: (turn.id,) for turn in kept.turns} | kept.beside | {opening.id: stood}
        shown, waiting = (*kept.turns, *turns), _by_parent(here)
        beside = {turn.id: _joined(places.get(turn.id, ()), waiting.get(turn.parent, ())) for turn in shown}
        return replace(
            kept,
            updated=leaf.started,
            turns=shown,
            earlier=kept.earlier + first,
            leaf=leaf.id,
            beside={turn: others for turn, others in beside.items() if len(others) > 1},
        )

    async def beside(self, owner: str, turn: Turn) -> tuple[str, ...]:
        """Give the ids of the turns that stand in the place of `turn`, itself among them, in the order they came."""
        waiting = _by_parent(self._of(owner, turn.conversation))
        return _joined(await self._conversations.beside(turn), [*waiting.get(turn.parent, ()), turn.id])

    def forget_oldest(self) -> None:
        """Let go of those that ended longest ago, where they are more than there is room for."""
        ended = self.ended()
        for live in ended[: max(len(ended) - MOST_UNSAVED, 0)]:
            turn = live.stream.turn
            del self._live[turn.id]
            if live.unsaved is None:
                self.let_go[turn.id] = turn, TurnFailed(at=live.stream.events[-1].at, problem=LET_GO)
            left = next(iter(self._of(live.owner, turn.conversation).values()), None)
            if live.unsaved and live.unsaved.opens and left and left.unsaved:
                left.unsaved = left.unsaved._replace(opens=True, aside=False)
            log.error("turn lost: too many wait to be saved", turn=turn.id)

    def _of(self, owner: str, conversation: str | None) -> Mapping[str, LiveTurn]:
        return {
            turn: live
            for turn, live in self._live.items()
            if live.unsaved and live.owner == owner and live.stream.turn.conversation == conversation
        }

    def _beside(
        self, owner: str, conversation: str | None, instead_of: str | None, after: str | None
    ) -> tuple[str, str | None] | None:
        """Give the place of a turn that is named by an unsaved one, or that goes on from one; None where it is not."""
        if (named := turn_named(instead_of, after)) is not None:
            live = self._live.get(named)
            if live is None or live.unsaved is None or live.owner != owner:
                return None
            return live.stream.turn.conversation, live.stream.turn.parent if instead_of else named
        path = _branch(self._of(owner, conversation), None)
        return (path[-1].stream.turn.conversation, path[-1].stream.turn.id) if path else None


def _branch(here: Mapping[str, LiveTurn], named: str | None) -> list[LiveTurn]:
    """Give the unsaved turns, oldest first, of the branch through a turn, or of the current one; none if it has none.

    `here` has the unsaved turns of one conversation. What stands aside is on no current branch.
    """
    for aside in (False, True) if named else (False,):
        for live in reversed([one for one in here.values() if one.unsaved and one.unsaved.aside == aside]):
            path = [live]
            while parent := here.get(path[0].stream.turn.parent or ""):
                path.insert(0, parent)
            if named is None or any(named in (one.stream.turn.id, one.stream.turn.parent) for one in path):
                return path
    return []


def _by_parent(here: Mapping[str, LiveTurn]) -> dict[str | None, list[str]]:
    """Give the ids of turns by that of the turn which they come after."""
    found: dict[str | None, list[str]] = {}
    for turn, live in here.items():
        found.setdefault(live.stream.turn.parent, []).append(turn)
    return found


def _joined(saved: Sequence[str], waiting: Sequence[str]) -> tuple[str, ...]:
    """Give ids in the order in which their turns came; one that was saved just now is in both."""
    return tuple(dict.fromkeys((*saved, *waiting)))
