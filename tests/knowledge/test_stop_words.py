"""Which words a search passes over: those that join others, and none that a manual is searched for."""

import pytest

from mdsa_server.knowledge.stop_words import LANGUAGES, stop_words
from mdsa_server.store.passages import words_of

SOUGHT = (
    "open close order part page system test value problem section line html auth cd index full run us kg million zero"
)


@pytest.mark.parametrize("word", SOUGHT.split())
def test_a_word_that_says_something_is_searched_for(word: str) -> None:
    assert word not in stop_words(["english"])


def test_a_message_of_telling_words_is_searched_for_as_a_whole() -> None:
    assert words_of("Open page 2", stop_words(["english"])) == words_of("Open page 2")


@pytest.mark.parametrize("word", ["the", "of", "is", "how", "what", "and", "it"])
def test_a_word_that_joins_others_is_passed_over(word: str) -> None:
    assert word in stop_words(["english"])


def test_each_language_has_words_in_small_letters() -> None:
    for language in LANGUAGES:
        words = stop_words([language])
        assert words
        assert words == {word.lower() for word in words}


def test_several_languages_have_the_words_of_all() -> None:
    assert stop_words(["english", "german"]) == stop_words(["english"]) | stop_words(["german"])
    assert stop_words([]) == frozenset()
