"""Words so common that finding them in a passage says nothing."""

from collections.abc import Sequence

from stop_words import AVAILABLE_LANGUAGES, get_stop_words

LANGUAGES: tuple[str, ...] = tuple(sorted(AVAILABLE_LANGUAGES))
"""Those that have such words here, by their English names."""


def stop_words(languages: Sequence[str]) -> frozenset[str]:
    """Give the commonest words of some LANGUAGES."""
    return frozenset(word.lower() for language in languages for word in get_stop_words(language))
