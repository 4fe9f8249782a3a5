"""Words so common that finding them in a passage says nothing."""

from collections.abc import Sequence

from stop_words import AVAILABLE_LANGUAGES, get_stop_words

LANGUAGES: tuple[str, ...] = tuple(sorted(AVAILABLE_LANGUAGES))
"""Those that have such words here, by their English names."""

# What joins other words, and no more. The package's own list has 1,333, among them open, page, test and zero, which are
# just what manuals are searched for; how common a word is, the ranking weighs anyway.
ENGLISH = frozenset(
    """
    a an the this that these those such
    i me my mine myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves one ones oneself
    who whom whose which what whatever whoever whichever when whenever where wherever why how however whether
    am is are was were be been being have has had having do does did doing done
    can could may might must shall should will would cannot ought
    and or nor but if then than as because so though although while until unless since
    of at by for with about between among into through during before after to from up in on upon within onto toward
    towards via per
    not no any some all both each either neither every few more most much many less least other another others same own
    here there now again once only just very too also even ever always often still yet already quite rather
    don doesn didn isn aren wasn weren hasn haven hadn won wouldn shouldn couldn ain s t ll re ve
    etc eg ie please
    """.split()  # noqa: SIM905  # a list of so many quoted words is not read by anybody
)


def stop_words(languages: Sequence[str]) -> frozenset[str]:
    """Give the commonest words of some LANGUAGES."""
    return frozenset().union(*map(_words_of, languages))


def _words_of(language: str) -> frozenset[str]:
    return ENGLISH if language == "english" else frozenset(word.lower() for word in get_stop_words(language))
