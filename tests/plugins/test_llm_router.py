"""The router that asks a model believes a clear answer as much as it is told to, and has no view without one."""

from collections.abc import Sequence
from typing import Any

import pytest

from mdsa_server.plugin_api import Candidate, Domain, Example, Message
from tests.plugin_host.offering import status_of
from tests.plugins.first_party import never_ask, opened
from tests.plugins.llm_routing import CODE, DOMAINS, note, route_with, routing, says

# --- what is asked


async def test_the_model_may_answer_with_a_domains_name_or_none_and_with_nothing_else() -> None:
    async with routing() as it:
        await it.route()
        (body,) = it.questions
    assert body["format"] == {
        "type": "object",
        "properties": {"domain": {"type": "string", "enum": ["general", "code", "none"]}},
        "required": ["domain"],
        "additionalProperties": False,
    }
    assert body["options"] == {"num_predict": 64, "temperature": 0}


async def test_a_domain_that_is_called_none_is_told_from_none_of_them() -> None:
    domain = Domain(name="none", description="Nothing")
    async with routing(domains=(domain, CODE)) as it:
        it.model.says = says("none")
        assert (await it.route()).candidates == (Candidate("none", 0.6),)
        it.model.says = says("none of these")
        assert "no domain fits" in note(await it.route())
        assert it.questions[0]["format"]["properties"]["domain"]["enum"] == ["none", "code", "none of these"]


async def test_the_model_reads_names_descriptions_and_a_few_examples() -> None:
    async with routing(max_examples=2) as it:
        await it.route()
        system, *examples, user = it.questions[0]["messages"]
    assert [system["role"], user["role"]] == ["system", "user"]
    lines = system["content"].splitlines()
    assert {"- general: Everyday questions", "- code: Programs"} < {*lines}
    assert any(line.startswith("- none: ") for line in lines)
    assert [(shown["role"], shown["content"].splitlines()[-1]) for shown in examples] == [
        ("user", "Tell me a joke"),
        ("assistant", '{"domain": "general"}'),
        ("user", "Write a program 0"),
        ("assistant", '{"domain": "code"}'),
        ("user", "What is rain?"),
        ("assistant", '{"domain": "general"}'),
        ("user", "Write a program 1"),
        ("assistant", '{"domain": "code"}'),
    ]


async def test_what_never_changes_is_the_same_for_every_message_so_that_the_engine_reads_it_once() -> None:
    async with routing() as it:
        await it.route("one")
        await it.route("another")
        first, second = (body["messages"] for body in it.questions)
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]


async def test_the_last_few_messages_are_told_briefly() -> None:
    spoken = [Message(role="user", content=f"message {number} {'x' * 1000}") for number in range(9)]
    history = [*spoken, Message(role="assistant", content=" ")]
    async with routing() as it:
        await it.route("and in Spain?", history)
        question = it.questions[0]["messages"][-1]["content"]
    lines = question.splitlines()
    assert [line[:15] for line in lines if line.startswith("user: ")] == [
        f"user: message {n}"[:15] for n in range(5, 9)
    ]
    assert len(question) < 1500
    assert lines[-2:] == ["The message to sort:", "and in Spain?"]


async def test_of_a_long_message_the_model_reads_the_beginning_and_the_end() -> None:
    async with routing() as it:
        await it.route(f"Beginning {'x' * 100_000} end")
        question = it.questions[0]["messages"][-1]["content"]
    assert "Beginning" in question
    assert question.endswith("end")
    assert len(question) < 2000


@pytest.mark.parametrize("count", [30, 300])
async def test_many_domains_are_described_more_briefly_so_that_all_of_them_fit(count: int) -> None:
    domains = [
        Domain(name=f"d{number}", description="about " * 30, examples=(Example("an example " * 9),) * 5)
        for number in range(count)
    ]
    async with routing(domains=domains) as it:
        await it.route()
        instructions, *others = [message["content"] for message in it.questions[0]["messages"]]
    assert all(f"- d{number}: about" in instructions for number in range(count))
    assert len("".join([instructions, *others])) < 6500 + 12 * count


async def test_changed_domains_take_the_place_of_the_old() -> None:
    async with routing() as it:
        await it.registry.refit(["llm_router"], [Domain(name="maths", description="Numbers")])
        it.model.says = says("maths")
        assert (await it.route()).candidates == (Candidate("maths", 0.6),)


async def test_the_default_model_is_asked_where_none_is_set() -> None:
    asked: list[object] = []

    async def ask(messages: Sequence[Message], *, model: str | None = None, **_: Any) -> str:
        asked.append(model)
        return '{"domain": "code"}'

    async with opened("llm_router", domains=DOMAINS, ask_model=ask) as registry:
        await route_with(registry)
    assert asked == [None]


# --- what is made of the answer


async def test_a_domain_that_the_model_names_counts_as_sure_as_is_set_and_is_told() -> None:
    async with routing(confidence=0.75) as it:
        opinion = await it.route()
    assert opinion.candidates == (Candidate("code", 0.75),)
    (evidence,) = opinion.evidence
    assert (evidence.kind, evidence.domain) == ("note", "code")


async def test_out_of_scope_is_no_candidate_and_is_as_likely_as_is_set() -> None:
    async with routing(confidence=0.75) as it:
        it.model.says = says("none")
        opinion = await it.route()
    assert note(opinion) == "the model finds that no domain fits the message"
    assert opinion.out_of_scope == 0.75


@pytest.mark.parametrize(
    "answer",
    ['```json\n{"domain": "code"}\n```', 'Sure: {"domain": "Code "}', '{"domain": "code", "why": "a program"}'],
)
async def test_an_answer_that_an_engine_did_not_hold_to_the_schema_is_read_all_the_same(answer: str) -> None:
    async with routing() as it:
        it.model.says = [answer]
        assert (await it.route()).candidates == (Candidate("code", 0.6),)


@pytest.mark.parametrize(
    "answer",
    ["", "code", "{", "}{", '{"domain": "co', "[]", "{}", '{"domain": 7}', '{"topic": "code"}', '{"domain": null}'],
)
async def test_an_answer_of_another_form_gives_no_view(answer: str) -> None:
    async with routing() as it:
        it.model.says = [answer] if answer else []
        assert note(await it.route()) == (
            "llm_router had no say: the model did not answer in the form that was asked for"
        )


async def test_a_name_that_no_domain_has_gives_no_view() -> None:
    async with routing() as it:
        it.model.says = says("cooking")
        assert note(await it.route()) == "llm_router had no say: the model named a domain that does not exist"


# --- settings


@pytest.mark.parametrize(
    "setting",
    [{"timeout": 0.0}, {"timeout": float("inf")}, {"confidence": 1.1}, {"max_examples": -1}, {"modle": "a:1b"}],
)
async def test_a_setting_that_makes_no_sense_is_refused(setting: dict[str, Any]) -> None:
    async with opened("llm_router", domains=DOMAINS, ask_model=never_ask, settings=setting) as registry:
        assert status_of(registry, "llm_router").state == "quarantined"
        (unfit,) = registry.unfit_settings
        assert unfit.path == ("plugins", "llm_router", *setting)


async def test_whole_numbers_do_for_settings_in_seconds() -> None:
    async with routing(timeout=3, confidence=1) as it:
        assert (await it.route()).candidates == (Candidate("code", 1.0),)
