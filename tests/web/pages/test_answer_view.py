"""A turn becomes what the chat page shows of it."""

from datetime import UTC, datetime

from msgspec import structs

from mdsa_server.vocabulary.events import (
    ModelChosen,
    ModelLoading,
    ModelWaiting,
    PassagesFound,
    PromptAssembled,
    PromptOverran,
    PromptRefused,
    RouteChosen,
    Thinking,
    Token,
    TurnEvent,
    TurnStarted,
)
from mdsa_server.vocabulary.passages import GivenPassage, Passage, PassagePart
from mdsa_server.vocabulary.replay import told
from mdsa_server.vocabulary.routing import Route
from mdsa_server.vocabulary.turn import Ledger, Timings, Turn, Usage
from mdsa_server.web.pages.answer_view import AnswerView, GrowingAnswer, finished_answer

TURN = Turn(id="t", conversation="c", parent=None, message="Hello?", started=datetime(2026, 3, 14, tzinfo=UTC))
STARTED = TurnStarted(at=0.0, turn="t", conversation="c")
ROUTED = RouteChosen(at=0.1, route=Route(domain="code", confidence=0.9, router="keyword_router"))
LOADING = ModelLoading(at=0.2, model="small:1b")
ASSEMBLED = PromptAssembled(
    at=0.3,
    model="small:1b",
    ledger=Ledger(context=4096, instructions=1, history=2, passages=0, question=3, reserve=512, dropped_turns=2),
)


def shown_after(*events: TurnEvent) -> AnswerView:
    growing = GrowingAnswer(TURN)
    growing.tell(events)
    return growing.view()


def test_before_anything_is_known_a_domain_is_being_chosen() -> None:
    assert shown_after(STARTED).doing == "Choosing a domain"


def test_the_route_is_shown_as_soon_as_it_is_chosen() -> None:
    view = shown_after(STARTED, ROUTED)

    assert view.turn.route == ROUTED.route
    assert view.doing == "Preparing code"


def test_loading_is_said_until_the_model_reads_and_that_until_it_says_something() -> None:
    assert shown_after(STARTED, ROUTED, LOADING).doing == "Loading small:1b"
    assert shown_after(STARTED, ROUTED, LOADING, ASSEMBLED).doing == "small:1b is reading"
    assert shown_after(STARTED, ROUTED, LOADING, ASSEMBLED, Token(at=1.0, text="Hi")).doing == ""


def test_a_model_taken_for_another_is_told() -> None:
    taken = ModelChosen(at=0.2, model="small:1b", preferred="large:8b")
    assert shown_after(STARTED, ROUTED, taken).doing == "Taking small:1b, which is in memory, rather than large:8b"
    preferred = ModelChosen(at=0.2, model="large:8b", preferred="large:8b")
    assert shown_after(STARTED, ROUTED, preferred).doing == "Preparing code"


def test_a_resident_model_reads_before_it_answers() -> None:
    assert shown_after(STARTED, ROUTED, ASSEMBLED).doing == "small:1b is reading"


def test_a_turn_in_line_says_its_place() -> None:
    assert shown_after(ModelWaiting(at=0.2, model="m", place=1)).doing == "Waiting for m, next in line"
    assert shown_after(ModelWaiting(at=0.2, model="m", place=3)).doing == "Waiting for m, number 3 in line"


def test_thinking_is_kept_apart_from_the_answer() -> None:
    view = shown_after(ROUTED, Thinking(at=0.4, text="Let me "), Thinking(at=0.5, text="see."))
    assert (view.turn.thinking, view.html, view.doing) == ("Let me see.", "", "Thinking")


def test_an_answer_is_rendered_as_it_grows() -> None:
    growing = GrowingAnswer(TURN)
    growing.tell([Token(at=1.0, text="It is **bo")])
    first = growing.view().html
    growing.tell([Token(at=1.1, text="ld**.")])

    assert first == "<p>It is **bo</p>\n"
    assert growing.view().html == "<p>It is <strong>bold</strong>.</p>\n"


def test_what_was_left_out_of_the_prompt_is_known_while_the_answer_comes() -> None:
    view = shown_after(ROUTED, ASSEMBLED, Token(at=1.0, text="Hi"))

    assert view.running
    assert view.turn.ledger == ASSEMBLED.ledger


def test_speed_counts_from_the_first_token() -> None:
    view = AnswerView(
        Turn(
            id="t",
            conversation="c",
            parent=None,
            message="Hello?",
            started=TURN.started,
            outcome="answered",
            usage=Usage(prompt_tokens=5, answer_tokens=21),
            timings=Timings(total=3.0, first_token=1.0),
        ),
        html=finished_answer(TURN).html,
    )
    assert view.tokens_per_second == 10.0


def test_an_answer_of_one_token_has_no_speed() -> None:
    assert finished_answer(TURN).tokens_per_second is None


PASSAGES = tuple(
    Passage(text=f"Text {number}", source=f"{number}.md", document="d", place=number) for number in range(3)
)


def test_the_passages_that_the_model_was_given_are_its_sources_and_those_it_cites_are_marked() -> None:
    fitted = structs.replace(ASSEMBLED, passages=(GivenPassage(number=1), GivenPassage(number=3)))
    events = (STARTED, ROUTED, PassagesFound(at=0.2, passages=PASSAGES), fitted, Token(at=1.0, text="See [3] and [2]."))
    assert '<a href="#source-t-3" class="citation"' in shown_after(*events).html, "also while it is told"
    view = finished_answer(told(TURN, events))
    assert [(source.number, source.passage.source, source.cited) for source in view.sources] == [
        (1, "0.md", False),
        (3, "2.md", True),
    ]
    assert '<a href="#source-t-3" class="citation"' in view.html
    assert "[2]" in view.html


def test_of_a_joined_passage_the_source_is_what_fitted() -> None:
    parts = tuple(PassagePart(place=place, start=4 * place, score=-place, heading=(f"h{place}",)) for place in range(4))
    whole = Passage(text="aaa bbb ccc ddd", source="j.md", document="d", place=0, heading=("h0",), parts=parts)
    fitted = structs.replace(ASSEMBLED, passages=(GivenPassage(number=1, first=1, last=2),))
    (source,) = shown_after(STARTED, ROUTED, PassagesFound(at=0.2, passages=(whole,)), fitted).sources
    assert (source.passage.text, source.passage.place, source.passage.heading) == ("bbb ccc ", 1, ("h1",))
    assert [(part.place, part.start) for part in source.passage.parts] == [(1, 0), (2, 4)]


def test_what_an_earlier_prompt_of_the_turn_held_stays_a_source() -> None:
    first, later = (structs.replace(ASSEMBLED, passages=given) for given in ((GivenPassage(number=2),), ()))
    view = shown_after(STARTED, ROUTED, PassagesFound(at=0.2, passages=PASSAGES), first, later)
    assert [source.number for source in view.sources] == [2]


def test_what_a_prompt_held_that_the_engine_refused_is_no_source() -> None:
    refused, shorter = (
        structs.replace(ASSEMBLED, passages=tuple(GivenPassage(number=number) for number in numbers))
        for numbers in ((1, 2, 3), (1,))
    )
    refusal = PromptRefused(at=0.4, tokens=5000, context=4096)
    events = (STARTED, ROUTED, PassagesFound(at=0.2, passages=PASSAGES), refused, refusal, shorter)
    growing = GrowingAnswer(TURN)
    for event in events:
        growing.tell([event])
    assert [source.number for source in growing.view().sources] == [1], "event by event"
    assert [source.number for source in finished_answer(told(TURN, events)).sources] == [1]


def test_what_the_engine_counted_beyond_the_plan_is_in_the_ledger() -> None:
    overran = PromptOverran(at=2.0, counted=4096, room=3072, context=4096)
    growing = GrowingAnswer(TURN)
    for event in (STARTED, ROUTED, ASSEMBLED, overran):
        growing.tell([event])
    ledger = growing.view().turn.ledger
    assert ledger is not None
    assert ledger.counted == 4096


def test_before_the_prompt_is_made_there_are_no_sources_yet() -> None:
    view = shown_after(STARTED, ROUTED, PassagesFound(at=0.2, passages=PASSAGES))
    assert (view.sources, view.doing) == ([], "Reading 3 passages")
