"""A turn is told to its end, whatever happens, and saved before its end is told."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NoReturn

import pytest

from mdsa_server.errors import (
    InvalidRequest,
    MdsaError,
    MessageTooLong,
    UnknownConversation,
    UnknownDomain,
    UnknownTurn,
)
from mdsa_server.plugin_api import Domain, Opinion, Passage, RetrieverQuery, RouteQuery
from mdsa_server.vocabulary.events import (
    ModelLoading,
    PassagesFound,
    PromptAssembled,
    RouteChosen,
    Thinking,
    Token,
    TurnFinished,
    TurnStarted,
)
from tests.chat.conftest import Offering, Office, T, WordRouter, events_of
from tests.fakes.script import HANGS, Thinks


async def test_a_turn_tells_its_story_in_order(office: Office) -> None:
    office.model.says = [Thinks("Hm."), "Hello", " there"]
    events = await events_of(office, "a code question")
    kinds = [type(event) for event in events]
    expected = [TurnStarted, RouteChosen, ModelLoading, PromptAssembled, Thinking, Token, TurnFinished]
    assert [kind for place, kind in enumerate(kinds) if kinds[place - 1 : place] != [kind]] == expected
    assert [event.at for event in events] == sorted(event.at for event in events)


async def test_the_model_gets_the_domains_instructions_and_options(office: Office) -> None:
    await events_of(office, "a general question")
    await events_of(office, "a code question")
    general, code = (body for body in office.engine.asked("/api/chat") if body["messages"])
    assert general["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a general question"},
    ]
    assert code["options"] == {"temperature": 0.1}
    assert 300 <= code["keep_alive"] < 301


async def test_a_model_that_is_resident_is_not_said_to_load(office: Office) -> None:
    await events_of(office, "first")
    second = await events_of(office, "second")
    assert not [event for event in second if isinstance(event, ModelLoading)]
    assert [path for path, _ in office.engine.requests].count("/api/ps") <= 3


async def test_a_conversation_goes_on_with_what_was_said(office: Office) -> None:
    live = await office.live_turns.start("local", "one code")
    first = await live.finished()
    await events_of(office, "two", conversation=first.conversation)
    last = office.engine.asked("/api/chat")[-1]
    assert [message["content"] for message in last["messages"]] == ["Be brief.", "one code", "Hello there.", "two"]
    router = office.offering.routers[0]
    assert isinstance(router, WordRouter)
    assert router.asked[-1].previous_domain == "code"
    assert [message.content for message in router.asked[-1].history] == ["one code", "Hello there."]


async def test_a_turn_is_found_by_its_owner_alone(office: Office) -> None:
    office.model.says = ["Half", HANGS]
    live = await office.live_turns.start("local", "hello")
    assert await office.live_turns.find("local", live.turn.id) is live
    with pytest.raises(UnknownTurn):
        await office.live_turns.find("somebody else", live.turn.id)
    with pytest.raises(UnknownTurn):
        await office.live_turns.cancel("somebody else", live.turn.id)
    assert not live.ended


async def test_a_router_that_breaks_or_dawdles_has_no_say_and_the_turn_goes_on(office: Office) -> None:
    class Breaks:
        name = "word_router"

        async def fit(self, domains: Sequence[Domain]) -> None: ...

        async def route(self, query: RouteQuery) -> Opinion:
            raise LookupError("lost the map")

    class Dawdles(Breaks):
        async def route(self, query: RouteQuery) -> Opinion:
            await asyncio.Event().wait()
            raise AssertionError

    office.offering.routers = [Breaks(), Dawdles()]
    turn = await (await office.live_turns.start("local", "code")).finished()
    assert turn.route is not None
    assert (turn.domain, turn.route.router, turn.outcome) == ("general", "fallback", "answered")
    notes = " ".join(evidence.text for evidence in turn.route.evidence)
    assert "lost the map" in notes
    assert "no answer within 0.2 s" in notes


async def test_a_slow_embedder_is_not_held_against_the_router_that_waits_for_it(office: Office) -> None:
    raised: list[MdsaError] = []

    class Compares:
        name = "word_router"

        async def fit(self, domains: Sequence[Domain]) -> None: ...

        async def route(self, query: RouteQuery) -> Opinion:
            await query.vector()
            raise AssertionError

    class Judging(Offering):
        async def call(
            self,
            offered: object,
            work: Callable[[], Awaitable[T]],
            *,
            timeout: float | None = None,  # noqa: ASYNC109  # as the registry's
        ) -> T:
            try:
                return await super().call(offered, work, timeout=timeout)
            except MdsaError as error:
                raised.append(error)
                raise

    async def embed(texts: Sequence[str], *, cached: bool = False) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    office.live_turns.desk.embed = embed
    office.live_turns.desk.offers = Judging(routers=[Compares()])
    turn = await (await office.live_turns.start("local", "code")).finished()
    assert (turn.domain, turn.outcome) == ("general", "answered")
    assert [error.code for error in raised] == ["embedder-unavailable"]


async def test_a_domain_that_is_not_configured_is_never_chosen(office: Office) -> None:
    turn = await (await office.live_turns.start("local", "gone")).finished()
    assert turn.domain == "general"


async def test_a_caller_may_name_the_domain(office: Office) -> None:
    turn = await (await office.live_turns.start("local", "general matters", domain="code")).finished()
    assert turn.route is not None
    assert (turn.domain, turn.route.router, turn.route.confidence) == ("code", "caller", 1.0)


async def test_passages_are_gathered_shown_and_given_to_the_model(office: Office) -> None:
    class Finds:
        name = "finds"

        async def retrieve(self, query: RetrieverQuery) -> list[Passage]:
            assert (await query.vector()).shape == (3,)
            return [Passage(text=f"About {query.message} for {query.domain.name}.", source="book.md")]

    class Fails:
        name = "fails"

        async def retrieve(self, query: RetrieverQuery) -> list[Passage]:
            raise LookupError

    office.offering.retrievers = [Fails(), Finds()]
    events = await events_of(office, "code")
    (found,) = [event for event in events if isinstance(event, PassagesFound)]
    assert [(passage.text, passage.retriever) for passage in found.passages] == [("About code for code.", "finds")]
    assert found.faults == ("fails failed (LookupError: )",)
    assert "[1] book.md\nAbout code for code." in office.engine.asked("/api/chat")[-1]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("message", "options", "error"),
    [
        ("  \n", {}, InvalidRequest),
        ("x" * 1001, {}, MessageTooLong),
        ("hello", {"domain": "cooking"}, UnknownDomain),
        ("hello", {"conversation": "nowhere"}, UnknownConversation),
    ],
)
async def test_what_cannot_be_a_turn_is_refused_and_saves_nothing(
    office: Office, message: str, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await office.live_turns.start("local", message, **options)
    assert await office.live_turns.desk.conversations.find("local") == []


async def test_many_turns_at_once_keep_their_answers_apart(office: Office) -> None:
    office.model.says = lambda asked: [f"{word} " for word in asked.messages[-1]["content"].split()]
    messages = [" ".join(f"{number}-{place}" for place in range(30)) for number in range(20)]
    started = [await office.live_turns.start("local", message) for message in messages]
    turns = await asyncio.gather(*(live.finished() for live in started))
    assert [turn.answer.strip() for turn in turns] == messages
    assert office.counters.metrics().turns_answered == 20
