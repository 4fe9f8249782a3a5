"""Routes by words: a message goes to the domain whose keywords it holds."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from mdsa_server.plugin_api import Candidate, Domain, Evidence, Opinion, PluginContext, RouteQuery, Router, hookimpl

# Each further keyword of the same domain halves the doubt that is left: 0.7, 0.85, 0.925 ...
DOUBT_AFTER_ONE = 0.3
HALVED_BY_EACH = 0.5

# Jokes, regexes, the compiler's; but not after one or two letters, where "go" would be found in "goes".
PLURAL = r"(?:(?<=\w\w\w)(?:['’]?s|es))?"


@hookimpl
def register_routers(context: PluginContext) -> Iterable[Router]:
    return [KeywordRouter()]


class KeywordRouter:
    """Finds whole words and phrases, whatever their case and accents, and their plurals."""

    name = "keyword_router"

    def __init__(self) -> None:
        self._patterns: dict[str, re.Pattern[str]] = {}

    async def fit(self, domains: Sequence[Domain]) -> None:
        """Learn each domain's keywords."""
        self._patterns = {domain.name: pattern_of(domain.keywords) for domain in domains if domain.keywords}

    async def route(self, query: RouteQuery) -> Opinion:
        """Give the domains whose keywords were found; where several were, they share the confidence by hits."""
        message = plain(query.message)
        hits = {name: sorted(set(pattern.findall(message))) for name, pattern in self._patterns.items()}
        total = sum(map(len, hits.values()))
        candidates = [
            Candidate(name, (1 - DOUBT_AFTER_ONE * HALVED_BY_EACH ** (len(found) - 1)) * len(found) / total)
            for name, found in hits.items()
            if found
        ]
        return Opinion(
            candidates=tuple(sorted(candidates, key=lambda candidate: -candidate.confidence)),
            evidence=tuple(Evidence("keyword", word, name) for name, found in hits.items() for word in found),
        )


def pattern_of(keywords: Sequence[str]) -> re.Pattern[str]:
    """Make a pattern that finds any of `keywords` as a whole word, the longest first, and gives the keyword itself."""
    known = {plain(keyword) for keyword in keywords} - {""}
    # A keyword that is only another one's plural would count the same word twice.
    words = sorted((word for word in known if word.removesuffix("s") == word or word[:-1] not in known), key=len)
    choice = "|".join(map(re.escape, reversed(words)))
    # Not \b: a keyword such as C++ ends in a character that \b does not count as part of a word.
    return re.compile(rf"(?<!\w)({choice}){PLURAL}(?!\w)" if words else r"(?!)")


def plain(text: str) -> str:
    """Fold case and accents, and every run of white space into one blank."""
    if text.isascii():  # Has no accents; and a long message takes long to look through.
        return " ".join(text.casefold().split())
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())
