"""The story of one turn: route, retrieve, admit, assemble, answer, finish."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing

from mdsa_server.chat.answer import Telling
from mdsa_server.chat.asking import WHICH_DOMAIN, Asking
from mdsa_server.chat.desk import Desk, SharedVector, Team
from mdsa_server.chat.question import Answer, Question
from mdsa_server.chat.retrieve import find_passages
from mdsa_server.chat.route import choose_route
from mdsa_server.chat.tool_offer import tools_of
from mdsa_server.chat.tool_round import Round
from mdsa_server.errors import StoreUnusable
from mdsa_server.plugin_api.contracts import RetrieverQuery, RouteQuery
from mdsa_server.plugin_api.tool_schema import ToolCall
from mdsa_server.routing.decide import asked_for
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.events import (
    DomainAsked,
    HistoryUnread,
    PassagesFound,
    RouteChosen,
    Token,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from mdsa_server.vocabulary.routing import OnTie
from mdsa_server.vocabulary.stopwatch import Stopwatch
from mdsa_server.vocabulary.turn import Timings, Turn

# Turns that are looked at for a prompt; how many of them fit is for assembly to say. Older ones are left out.
HISTORY_TURNS = 40

NO_PASSAGES = "no_passages"
"""Why a turn ended that was to rest on documents and found nothing in them."""


async def run_turn(
    desk: Desk,
    team: Team,
    turn: Turn,
    clock: Stopwatch,
    asking: Asking,
    *,
    owner: str,
    domain: str | None = None,
    on_tie: OnTie | None = None,
    said: Sequence[Turn] = (),
) -> AsyncGenerator[TurnEvent, None]:
    """Tell a turn from its saved message to its answer; `domain` names the domain where the caller did.

    `team` is the desk's when it began. `on_tie` says what is done where two domains are as good as equally likely,
    if not what is configured. `said` are the turns just before it that are not in the store.
    Raises MdsaError where the turn fails; whoever drives it tells that as the stream's last event.
    """
    yield TurnStarted(at=clock(), turn=turn.id, conversation=turn.conversation)

    history, older = list(said), 0
    try:
        history, older = await _history(desk, turn, said)
    except StoreUnusable as error:
        yield HistoryUnread(at=clock(), problem=error.problem)
    with closing(SharedVector(text=turn.message, embed=desk.embed)) as vector:
        route = await choose_route(desk, team, route_query(turn.message, history, vector), domain)
        if route.tied and (on_tie or team.on_tie) == "ask":
            yield DomainAsked(at=clock(), route=route)
            if meant := await asking.ask(WHICH_DOMAIN):
                route = asked_for(meant.word, route)
        yield RouteChosen(at=clock(), route=route)

        chosen = team.domain(route.domain)
        query = RetrieverQuery(message=turn.message, route=route, domain=chosen, vector=vector)
        (passages, faults), tools = await asyncio.gather(find_passages(desk, query), tools_of(desk, chosen, vector))
    if passages or faults:
        yield PassagesFound(at=clock(), passages=passages, faults=faults)
    if chosen.says_so and not passages:
        yield Token(at=clock(), text=nothing_found(chosen, faults))
        yield TurnFinished(
            at=clock(), usage=None, timings=Timings(total=clock(), route=route.seconds), reason=NO_PASSAGES
        )
        return

    answer = Answer()
    question = Question(
        domain=chosen, history=history, older=older, passages=passages, message=turn.message, tools=tools
    )
    calls = Round(
        offers=desk.offers,
        tools={tool.name: tool for tool, _ in tools},
        caller=ToolCall(domain=chosen, caller=owner, conversation=turn.conversation),
        policy=team.tools,
        asking=asking,
        clock=clock,
    )
    async with aclosing(Telling(desk, question, calls, answer).events()) as pieces:
        async for piece in pieces:
            yield piece
    timings = Timings(total=clock(), first_token=answer.first_token, route=route.seconds, load=answer.load_seconds)
    yield TurnFinished(at=timings.total, usage=answer.usage, timings=timings, reason=answer.reason)


async def _history(desk: Desk, turn: Turn, said: Sequence[Turn]) -> tuple[list[Turn], int]:
    """Give the turns that lead to a turn, oldest first, and how many came before those. Raises StoreUnusable."""
    first, more = said[0] if said else turn, max(HISTORY_TURNS - len(said), 0)
    history = await desk.conversations.earlier_turns(first, more)
    older = await desk.conversations.count_before_earlier(first, more) if len(history) == more else 0
    return [*history, *said], older


def nothing_found(domain: Domain, faults: Sequence[str]) -> str:
    """Say what is said in place of an answer where there is nothing that it could rest on."""
    if faults:
        return f"The documents of {domain.name} could not be searched: {'; '.join(faults)}."
    return f"The documents of {domain.name} hold nothing about this."


def route_query(message: str, history: list[Turn], vector: SharedVector) -> RouteQuery:
    """Tell routers what was said before."""
    messages = [
        message
        for turn in history
        for message in (Message(role="user", content=turn.message), Message(role="assistant", content=turn.answer))
    ]
    return RouteQuery(
        message=message,
        history=tuple(messages),
        previous_domain=history[-1].domain if history else None,
        vector=vector,
    )
