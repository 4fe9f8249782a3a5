"""The parts of the embedding router: letters, intents, probabilities."""

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdsa_server.plugin_host.discovery import discover
from tests.plugins.first_party import PLUGINS

(PLUGIN,) = (plugin for plugin in discover(PLUGINS, []) if plugin.name == "embedding_router")
ROUTER: Any = PLUGIN.load()
CLASSIFIER: Any = sys.modules[f"{ROUTER.__name__}.classifier"]
INTENTS: Any = sys.modules[f"{ROUTER.__name__}.intents"]

# --- letters


def test_letters_tell_spelling_and_not_case() -> None:
    one, same, near, far = (ROUTER.letters_of(text) for text in ("E1042 Fault", "e1042 fault", "e1043 fault", "zebra"))
    assert (one == same).all()
    assert 0.6 < one @ near < 0.99
    assert one @ far < 0.3


@given(st.text(max_size=300))
def test_letters_of_any_text_have_unit_length_or_none(text: str) -> None:
    letters = ROUTER.letters_of(text)
    assert letters.shape == (512,)
    assert np.linalg.norm(letters) == pytest.approx(1.0, abs=1e-5) or not letters.any()


# --- the rule


@given(st.lists(st.lists(st.floats(-30, 30), min_size=4, max_size=4), min_size=1, max_size=5), st.floats(0.15, 3.0))
def test_probabilities_add_up_and_keep_the_order_at_any_temperature(
    rows: list[list[float]], temperature: float
) -> None:
    logits, owners = np.array(rows, np.float32), np.array([0, 1, 1, 2])
    shares = CLASSIFIER.probabilities(logits, owners, 3, temperature)
    assert shares.sum(1) == pytest.approx(np.ones(len(rows)), abs=1e-4)
    assert (shares >= 0).all()
    assert (shares.argmax(1) == CLASSIFIER.probabilities(logits, owners, 3, 1.0).argmax(1)).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([None, "a", "b"])), min_size=1, max_size=40))
def test_every_example_has_one_intent_of_its_own_domain(known: list[tuple[int, str | None]]) -> None:
    vectors = np.random.default_rng(0).normal(size=(len(known), 4)).astype(np.float32)
    domains = np.array([domain for domain, _ in known], np.intp)
    intents, owners = INTENTS.sort_into_intents(vectors, domains, [intent for _, intent in known])
    assert (owners[intents] == domains).all()
    assert sorted(set(intents)) == list(range(len(owners)))
    for row, (domain, name) in enumerate(known):
        if name is not None:
            assert {other for other, intent in zip(known, intents, strict=True) if intent == intents[row]} == {
                (domain, name)
            }
