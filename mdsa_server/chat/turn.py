"""The story of one turn: route, retrieve, admit, assemble, answer, finish."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing

from mdsa_server.chat.answer import Answer, tell_answer
from mdsa_server.chat.asking import Asking
from mdsa_server.chat.assemble import assemble
from mdsa_server.chat.desk import Desk, SharedVector
from mdsa_server.chat.retrieve import find_passages
from mdsa_server.chat.route import choose_route
from mdsa_server.plugin_api.contracts import RetrieverQuery, RouteQuery
from mdsa_server.routing.decide import asked_for
from mdsa_server.vocabulary.conversation import Message
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.events import (
    ContextTrimmed,
    DomainAsked,
    PassagesFound,
    PromptAssembled,
    RouteChosen,
    Token,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from mdsa_server.vocabulary.routing import OnTie, Route
from mdsa_server.vocabulary.stopwatch import Stopwatch
from mdsa_server.vocabulary.turn import Timings, Turn, Usage

# Turns that are looked at when a prompt is made; how many of them fit is for assembly to say.
HISTORY_TURNS = 40

NO_PASSAGES = "no_passages"
"""Why a turn ended that was to rest on documents and found nothing in them."""


async def run_turn(
    desk: Desk, turn: Turn, clock: Stopwatch, asking: Asking, *, domain: str | None = None, on_tie: OnTie | None = None
) -> AsyncGenerator[TurnEvent, None]:
    """Tell a turn from its saved message to its answer; `domain` names the domain where the caller did.

    `on_tie` says what is done where two domains are as good as equally likely, if not what is configured.
    Raises MdsaError where the turn fails; whoever drives it tells that as the stream's last event.
    """
    team = desk.team
    yield TurnStarted(at=clock(), turn=turn.id, conversation=turn.conversation)

    history = await desk.conversations.earlier_turns(turn, HISTORY_TURNS)
    with closing(SharedVector(text=turn.message, embed=desk.embed)) as vector:
        route = await choose_route(desk, team, route_query(turn.message, history, vector), domain)
        if route.tied and (on_tie or team.on_tie) == "ask":
            yield DomainAsked(at=clock(), route=route)
            if meant := await asking.ask():
                route = asked_for(meant, route)
        yield RouteChosen(at=clock(), route=route)

        chosen = team.domain(route.domain)
        query = RetrieverQuery(message=turn.message, route=route, domain=chosen, vector=vector)
        passages, faults = await find_passages(desk, query)
    if passages or faults:
        yield PassagesFound(at=clock(), passages=passages, faults=faults)
    if chosen.no_passages == "say so" and chosen.collections and not passages:
        yield Token(at=clock(), text=nothing_found(chosen, faults))
        yield TurnFinished(
            at=clock(), usage=None, timings=Timings(total=clock(), route=route.seconds), reason=NO_PASSAGES
        )
        return

    answer = Answer()
    models = chosen.models or (await desk.keeper.engine.default_model(),)
    async with desk.keeper.lease(models, chosen.options) as lease:
        async for event in lease.admission(clock):
            yield event
        prompt = assemble(
            chosen,
            [earlier for earlier in history if earlier.answer],
            passages,
            turn.message,
            context=lease.context,
            tokens_per_byte=desk.token_rates.rate(lease.model),
        )
        if prompt.ledger.dropped_turns or prompt.ledger.dropped_passages:
            yield ContextTrimmed(
                at=clock(),
                turns=prompt.ledger.dropped_turns,
                passages=prompt.ledger.dropped_passages,
                context=lease.context,
            )
        yield PromptAssembled(at=clock(), model=lease.model, ledger=prompt.ledger)
        async with aclosing(tell_answer(lease, prompt, answer, clock, think=chosen.think)) as pieces:
            async for piece in pieces:
                yield piece
        if answer.last:
            desk.token_rates.learn(lease.model, prompt.messages, answer.last.prompt_tokens)

    yield _finished(answer, route, lease.load_seconds, clock())


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


def _finished(answer: Answer, route: Route, load: float, total: float) -> TurnFinished:
    last = answer.last
    return TurnFinished(
        at=total,
        usage=Usage(prompt_tokens=last.prompt_tokens if last else 0, answer_tokens=last.answer_tokens if last else 0),
        timings=Timings(
            total=total,
            first_token=answer.first_token,
            route=route.seconds,
            # The engine tells of a load only where it had to load by itself after all.
            load=load + (last.load_seconds if last else 0.0),
        ),
        reason=last.done_reason if last else "stop",
    )
