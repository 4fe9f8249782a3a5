"""Turns under way: each is a task of its own that outlives the request that began it, and any may follow it."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import aclosing, suppress
from typing import Any

import structlog

from mdsa_server.chat.asking import WHICH_DOMAIN, Asking, Question, Said
from mdsa_server.chat.desk import Desk, Team
from mdsa_server.chat.live_turn import LiveTurn, cancelled, failed, stop
from mdsa_server.chat.saving import Saving, Spawn
from mdsa_server.chat.tool_round import APPROVED, DENIED
from mdsa_server.chat.turn import run_turn
from mdsa_server.chat.turn_stream import TurnStream
from mdsa_server.chat.unsaved import UnsavedTurns
from mdsa_server.errors import (
    InvalidRequest,
    MdsaError,
    MessageTooLong,
    ServerClosing,
    StoreUnusable,
    TooManyTurns,
    UnknownConversation,
    UnknownTurn,
)
from mdsa_server.store.turn_log import CUT_OFF, TurnLog
from mdsa_server.vocabulary.events import HistoryUnread, TurnEvent, TurnFinished, TurnStarted, TurnUnsaved
from mdsa_server.vocabulary.problem import UNEXPECTED, Problem
from mdsa_server.vocabulary.routing import OnTie
from mdsa_server.vocabulary.stopwatch import stopwatch
from mdsa_server.vocabulary.turn import Turn

log = structlog.get_logger(__name__)

Observer = Callable[[Turn, TurnEvent], None]

# For a turn that was cancelled to be saved when the server stops: a store that hangs must not keep it from ending.
END_SECONDS = 10.0


class LiveTurns:
    """Begins turns, finds them, and sees each to its end: answered, failed or cancelled, and saved."""

    def __init__(
        self,
        desk: Desk,
        turn_log: TurnLog,
        *,
        spawn: Spawn,
        observe: Observer,
        max_message_chars: int,
        most_at_once: int,
    ) -> None:
        """`most_at_once`: how many turns may run for one owner at a time."""
        self.desk = desk
        self._turn_log = turn_log
        self._spawn = spawn
        self._observe = observe
        self._max_message_chars = max_message_chars
        self._most_at_once = most_at_once
        self._live: dict[str, LiveTurn] = {}
        self.unsaved = UnsavedTurns(desk.conversations, self._live)
        self._saving = Saving(desk.conversations, turn_log, live=self._live, unsaved=self.unsaved, spawn=spawn)
        self._beginning: dict[asyncio.Future[None], str] = {}
        """The owners of turns that are being saved for the first time; done once that is."""
        self._closing = False
        self._cutting_off = False

    async def start(
        self,
        owner: str,
        message: str,
        *,
        conversation: str | None = None,
        domain: str | None = None,
        on_tie: OnTie | None = None,
        instead_of: str | None = None,
        after: str | None = None,
        aside: bool = False,
        among: Collection[str] = (),
    ) -> TurnStream:
        """Save the message and begin its turn; `domain` and `on_tie` are as in `run_turn`, the rest as in `begin_turn`.

        Where it cannot be saved it is answered all the same, and saved once it can be.

        `among` names the domains that may answer, where not all may.

        Raises InvalidRequest, MessageTooLong, ConversationFull, TooManyTurns, UnknownDomain, UnknownConversation,
        UnknownTurn or ServerClosing; then nothing was saved.
        """
        team = self.check(message, domain, among)
        self._check_room(owner)
        begun = asyncio.get_running_loop().create_future()
        self._beginning[begun] = owner
        try:
            live = await self._begun(
                owner, team, conversation, message, instead_of=instead_of, after=after, aside=aside
            )
            turn = live.stream.turn
            self._live[turn.id] = live
            live.task = self._spawn(self._drive(live, domain, on_tie), f"turn {turn.id}")
        finally:
            del self._beginning[begun]
            begun.set_result(None)
        if self._cutting_off:
            # It was being saved when the others were ended.
            await self._cut_off(live)
        return live.stream

    async def _begun(self, owner: str, team: Team, conversation: str | None, message: str, **place: Any) -> LiveTurn:
        unsaved = self.unsaved.messages()
        try:
            turn = await self.desk.conversations.begin_turn(owner, conversation, message, unsaved=unsaved, **place)
        except StoreUnusable as error:
            begun, unread = await self.unsaved.begin(owner, conversation, message, **place)
            log.error("message not saved", turn=begun.turn.id, reason=error.detail, mend=error.mend)
            stream = TurnStream(begun.turn, stopwatch())
            return LiveTurn(owner, team, stream, unsaved=begun, problem=error.problem, unread=unread)
        self.unsaved.saved(unsaved)
        return LiveTurn(owner, team, TurnStream(turn, stopwatch()))

    def check(self, message: str, domain: str | None, among: Collection[str] = ()) -> Team:
        """See that a message can be a turn's; give the team that would answer. Raises as `start` does."""
        self.check_open()
        if not message.strip():
            raise InvalidRequest("message: there is nothing in it", "Send some text.")
        if len(message) > self._max_message_chars:
            raise MessageTooLong(
                f"the message has {len(message):,} characters; {self._max_message_chars:,} are allowed",
                "Send less, or raise [server] max_message_chars in mdsa.toml.",
            )
        team = self.desk.team.only(among)
        if domain is not None:
            team.domain(domain)
        return team

    def _check_room(self, owner: str) -> None:
        running = sum(live.owner == owner and not live.ending for live in self._live.values())
        beginning = sum(whose == owner for whose in self._beginning.values())
        if running + beginning >= self._most_at_once:
            raise TooManyTurns(
                f"{self._most_at_once} turns run already",
                "Wait until one has ended, or raise [limits] turns_at_once in mdsa.toml.",
            )

    def check_open(self) -> None:
        """Raise ServerClosing once no more turns are taken."""
        if self._closing:
            raise ServerClosing("The server is shutting down.", "Send the message again once it is back.")

    async def find(self, owner: str, turn: str) -> TurnStream:
        """Give an owner's turn, under way or from the store. Raises UnknownTurn."""
        # A turn leaves the live ones when it is saved, so that it is always in one of the two.
        if live := self._live.get(turn):
            if live.owner != owner:
                raise UnknownTurn(f"no turn has the id {turn!r}", "A turn's id comes with the answer to its message.")
            return live.stream
        return TurnStream.of_ended(*await self._turn_log.story(owner, turn))

    def __len__(self) -> int:
        return len(self._live)

    async def cancel(self, owner: str, turn: str) -> None:
        """Stop a turn, the engine included, and wait until what there was of its answer is saved.

        One that has ended stays as it is. Raises UnknownTurn.
        """
        await self.find(owner, turn)
        if live := self._live.get(turn):
            await stop(live)

    async def cancel_all(self, owner: str) -> None:
        """Stop an owner's turns, as `cancel` does."""
        await asyncio.gather(*(stop(live) for live in list(self._live.values()) if live.owner == owner))

    async def choose_domain(self, owner: str, turn: str, domain: str) -> None:
        """Answer a turn that asks which domain is meant. Raises UnknownTurn, UnknownDomain, NotAsking."""
        await self.find(owner, turn)
        live = self._live.get(turn)
        name = (live.team if live else self.desk.team).domain(domain).name
        (live.asking if live else Asking()).answer(WHICH_DOMAIN, Said(name, owner))

    async def approve(self, owner: str, turn: str, call: str, *, approved: bool, by: str) -> None:
        """Allow a call that waits to be allowed, or deny it. Raises UnknownTurn, NotAsking."""
        await self.find(owner, turn)
        live = self._live.get(turn)
        (live.asking if live else Asking()).answer(
            Question("approval", call), Said(APPROVED if approved else DENIED, by)
        )

    async def delete_conversation(self, owner: str, conversation: str) -> None:
        """Delete a conversation and its turns, for good; those under way are stopped. Raises UnknownConversation."""
        # Before the store is asked: what is saved meanwhile must not bring the conversation back.
        forgotten = self.unsaved.forget(owner, conversation)
        try:
            await self.desk.conversations.delete(owner, conversation)
        except UnknownConversation:
            if not forgotten:
                raise
        except BaseException:
            self.unsaved.remember(forgotten)
            raise
        if beginning := [begun for begun, whose in self._beginning.items() if whose == owner]:
            await asyncio.wait(beginning)
        for live in list(self._live.values()):
            if live.owner == owner and live.stream.turn.conversation == conversation:
                await stop(live)
                self._live.pop(live.stream.turn.id, None)

    async def close(self, patience: float) -> None:
        """Take no new turns, give those under way `patience` seconds, then cancel the rest."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while under_way := self._under_way():
                    await asyncio.wait(under_way)
        self._cutting_off = True
        await asyncio.gather(*(self._cut_off(live) for live in list(self._live.values())))
        await self._saving.at_last()

    def _under_way(self) -> list[asyncio.Future[None]]:
        """Give what ends, or becomes another of these, before all turns have ended."""
        tasks = [live.task for live in self._live.values() if live.task and not live.task.done()]
        return [*self._beginning, *tasks]

    async def _cut_off(self, live: LiveTurn) -> None:
        live.cut_off = True
        if not await stop(live, END_SECONDS):
            log.error("turn does not end", turn=live.stream.turn.id, seconds=END_SECONDS)

    async def _drive(self, live: LiveTurn, domain: str | None, on_tie: OnTie | None) -> None:
        """Run a turn and tell its end, whatever it is, once it is saved."""
        stream = live.stream
        last = await self._last_event(live, domain, on_tie)
        # Nothing is awaited between the end and this: who cancels either comes before it, or too late.
        live.ending = True
        live.story = [*stream.events, last]
        if problem := await self._saving.save(live):
            log.error("turn not saved", turn=stream.turn.id, reason=problem.detail, mend=problem.mend)
            if problem is UNEXPECTED:
                # Something in its events cannot be written: whoever waits must learn that it ended.
                last = failed(live, problem)
                live.story = [last]
            else:
                self._tell_unsaved(live, problem)
                live.story = [*stream.events, last]
        stream.end(last)
        self._observe(stream.turn, last)
        self._saving.later()

    def _tell_unsaved(self, live: LiveTurn, problem: Problem) -> None:
        """Tell that a turn is not saved, once."""
        if not any(isinstance(event, TurnUnsaved) for event in live.stream.events):
            self._tell(live, TurnUnsaved(at=live.stream.clock(), problem=problem))

    def _tell(self, live: LiveTurn, event: TurnEvent) -> None:
        """Tell an event that is not the last."""
        live.stream.tell(event)
        self._observe(live.stream.turn, event)

    async def _last_event(self, live: LiveTurn, domain: str | None, on_tie: OnTie | None) -> TurnEvent:
        """Tell all events but the last, and give that: nobody may hear of an end that is not saved."""
        turn = live.stream.turn
        try:
            story = run_turn(
                self.desk,
                live.team,
                turn,
                live.stream.clock,
                live.asking,
                owner=live.owner,
                domain=domain,
                on_tie=on_tie,
                said=self.unsaved.before(turn),
            )
            async with aclosing(story) as events:
                async for event in events:
                    if isinstance(event, TurnFinished):
                        return event
                    self._tell(live, event)
                    if isinstance(event, TurnStarted) and live.problem:
                        self._tell_unsaved(live, live.problem)
                    if isinstance(event, TurnStarted) and live.unread:
                        self._tell(live, HistoryUnread(at=live.stream.clock(), problem=live.unread))
            raise AssertionError("a turn's story ends with TurnFinished or an error")
        except asyncio.CancelledError:
            return failed(live, CUT_OFF) if live.cut_off else cancelled(live)
        except MdsaError as error:
            return failed(live, error.problem)
        except Exception:
            # Whatever a plugin or we ourselves did wrong, the reader of the stream must learn that it ended.
            log.exception("turn broke", turn=turn.id)
            return failed(live, UNEXPECTED)
