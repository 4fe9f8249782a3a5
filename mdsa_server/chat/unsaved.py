"""Turns that the store could not take: answered all the same, found and gone on from, until it can take them."""

from collections.abc import Mapping, Sequence

import structlog

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
        """Give a conversation as `Conversations.read` does; its unsaved turns stand at its end."""
        here = self._of(owner, conversation)
        last = here.get(through) if through else next(reversed([*here.values()]), None)
        if last is None or before is not None:
            return await self._conversations.read(owner, conversation, through=through, before=before, limit=limit)
        turns = self._path(last)
        first = turns[0]
        kept = await self._kept_before(owner, first, limit)
        earlier = kept.earlier if kept else 0
        return Conversation(
            id=conversation,
            title=kept.title if kept else title_of(first.message),
            created=kept.created if kept else first.started,
            updated=turns[-1].started,
            turns=(*(kept.turns if kept else ()), *turns),
            earlier=earlier,
            leaf=turns[-1].id,
            beside=kept.beside if kept else {},
        )

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
                left.unsaved = left.unsaved._replace(opens=True)
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
        last = next(reversed([*self._of(owner, conversation).values()]), None)
        return (last.stream.turn.conversation, last.stream.turn.id) if last else None

    def _path(self, last: LiveTurn) -> list[Turn]:
        """Give the unsaved turns that lead to one of them, itself at the end."""
        turns = [last.stream.so_far()]
        while (live := self._live.get(turns[0].parent or "")) and live.unsaved:
            turns.insert(0, live.stream.so_far())
        return turns

    async def _kept_before(self, owner: str, first: Turn, limit: int) -> Conversation | None:
        """Give the conversation as it is in the store, up to an unsaved turn; None where it is not there, or unread."""
        if first.parent is None:
            return None
        try:
            kept = await self._conversations.read(owner, first.conversation, through=first.parent)
        except (StoreUnusable, UnknownConversation):
            return None
        ids = [turn.id for turn in kept.turns]
        turns = kept.turns[: ids.index(first.parent) + 1] if first.parent in ids else kept.turns
        shown = turns if limit < 0 else turns[-limit:]
        return Conversation(
            id=kept.id,
            title=kept.title,
            created=kept.created,
            updated=kept.updated,
            turns=shown,
            earlier=len(turns) - len(shown),
            beside=kept.beside,
        )
