"""How turns get into the store once they have ended: at once, or as soon as the store takes them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from mdsa_server.chat.live_turn import LiveTurn
from mdsa_server.chat.unsaved import UnsavedTurns
from mdsa_server.errors import MdsaError
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.problem import UNEXPECTED, Problem

log = structlog.get_logger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]

SAVE_AGAIN_SECONDS = 5.0


class Saving:
    """Saves live turns and lets go of them; those that cannot be saved stay among the live ones until they can."""

    def __init__(
        self,
        conversations: Conversations,
        turn_log: TurnLog,
        *,
        live: dict[str, LiveTurn],
        unsaved: UnsavedTurns,
        spawn: Spawn,
    ) -> None:
        self._conversations = conversations
        self._turn_log = turn_log
        self._live = live
        self._unsaved = unsaved
        self._spawn = spawn
        self._task: asyncio.Task[None] | None = None

    async def save(self, live: LiveTurn) -> Problem | None:
        """Save how a turn ended, and let go of it; gives why it could not be."""
        turn = live.stream.turn
        try:
            if messages := self._unsaved.messages():
                await self._conversations.save(messages)
                self._unsaved.saved(messages)
            await self._end_let_go()
            await self._turn_log.finish(turn, live.story)
        except MdsaError as error:
            return error.problem
        except Exception:
            # Something in its events cannot be written: no fault of the store, which takes the others.
            log.exception("turn cannot be saved", turn=turn.id)
            return UNEXPECTED
        live.stream.saved = True
        self._live.pop(turn.id, None)
        return None

    async def _end_let_go(self) -> None:
        for turn, last in list(self._unsaved.let_go.values()):
            await self._turn_log.finish(turn, [last])
            self._unsaved.let_go.pop(turn.id, None)

    def later(self) -> None:
        """Have those that have ended saved once that is possible; many that wait are one task, and one attempt."""
        self._unsaved.forget_oldest()
        if self._unsaved.ended() and (self._task is None or self._task.done()):
            self._task = self._spawn(self._keep_trying(), "save turns")

    async def at_last(self) -> None:
        """Save what can be, before the server ends."""
        await self._save_ended()
        if left := len(self._unsaved.ended()):
            log.error("turns lost: the server ends and they cannot be saved", turns=left)

    async def _keep_trying(self) -> None:
        while self._unsaved.ended():
            await asyncio.sleep(SAVE_AGAIN_SECONDS)
            await self._save_ended()

    async def _save_ended(self) -> None:
        for live in self._unsaved.ended():
            problem = await self.save(live)
            if problem is None:
                log.info("turn saved after all", turn=live.stream.turn.id)
            elif problem is not UNEXPECTED:
                # The store's own trouble: the others would only wait for the same.
                return
