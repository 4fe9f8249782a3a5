"""Corrections laid over the domains, and whether the routers became worse by them; pure."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from mdsa_server.vocabulary.corrections import Correction, HeldOut
from mdsa_server.vocabulary.domain import Domain, Example
from mdsa_server.vocabulary.routing import Prediction

# What a router may lose of its right answers by one correction. One message more or less that is wrong is chance, and
# of few messages one is several points already; so both must be passed. Each of the 44 examples that come with the
# server was held back and given again as a correction: with its own domain 1 was refused, with another one 17. At 2
# points alone it would have been 14 and 29.
MARGIN = 0.02
CHANCE = 1


def taught(domains: Iterable[Domain], accepted: Sequence[Correction]) -> tuple[Domain, ...]:
    """Add the accepted corrections to their domains' examples.

    A message belongs where it was last said to: the same words are no example of another domain any more.
    """
    home = {correction.message: correction.domain for correction in accepted}

    def taught_one(domain: Domain) -> Domain:
        kept = tuple(example for example in domain.examples if home.get(example.text, domain.name) == domain.name)
        known = {example.text for example in kept}
        added = (Example(text) for text, name in home.items() if name == domain.name and text not in known)
        return replace(domain, examples=(*kept, *added))

    return tuple(taught_one(domain) for domain in domains)


def strangers(accepted: Iterable[Correction]) -> tuple[str, ...]:
    """Give the messages that were last said to belong to no domain."""
    home = {correction.message: correction.domain for correction in accepted}
    return tuple(text for text, name in home.items() if name is None)


def compared(
    before: Mapping[str, Sequence[Prediction]], after: Mapping[str, Sequence[Prediction]], disputed: str
) -> tuple[HeldOut, ...]:
    """Compare what each router said of messages that belong to a domain and that it was tried on both times.

    The `disputed` message is left out: what is right for it has changed. Where a router does not tell its messages
    apart, all of them are compared. One that was not measured both times has no part in it.
    """
    found = []
    for router in before.keys() & after.keys():
        both = {one.message for one in before[router]} & {one.message for one in after[router]} - {disputed}
        then, now = _right(before[router], both), _right(after[router], both)
        if then and now:
            shares = sum(then) / len(then), sum(now) / len(now)
            found.append(HeldOut(router=router, messages=len(then), before=shares[0], after=shares[1]))
    return tuple(sorted(found, key=lambda held_out: held_out.router))


def worse(held_out: HeldOut) -> bool:
    """Whether a router lost more of its right answers than it may."""
    # Rounded, or a hair of a share would pass.
    lost = round((held_out.before - held_out.after) * held_out.messages, 3)
    return lost > max(CHANCE, MARGIN * held_out.messages)


def _right(predictions: Iterable[Prediction], messages: set[str]) -> list[bool]:
    return [one.right for one in predictions if one.in_scope and one.message in messages]
