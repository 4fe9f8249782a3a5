"""What routers give is an opinion in plain values, or a fault of theirs."""

from itertools import repeat
from typing import Any

import numpy as np
import pytest

from mdsa_server.errors import PluginFault
from mdsa_server.plugin_api import Candidate, Evidence, Opinion
from tests.plugin_host.offering import AnyRouter, Offering, found, opened, route_with

# A plugin may give anything, whatever the types say.
AnyCandidate: Any = Candidate
AnyEvidence: Any = Evidence
AnyOpinion: Any = Opinion


def giving(opinion: Any) -> AnyRouter:
    async def answer() -> Any:
        return opinion

    return AnyRouter(answer=answer)


@pytest.mark.parametrize(
    "opinion",
    [
        None,
        {"candidates": []},
        AnyOpinion(({"domain": "code"},)),
        Opinion((Candidate("code", 1.5),)),
        Opinion((Candidate("code", float("nan")),)),
        AnyOpinion((AnyCandidate("code", "sure"),)),
        AnyOpinion((AnyCandidate(["code"], 0.9),)),
        AnyOpinion((), ("I say so",)),
        AnyOpinion((), (AnyEvidence("guess", "hello"),)),
        AnyOpinion((), (AnyEvidence("note", object()),)),
        AnyOpinion(repeat(Candidate("code", 0.1))),
    ],
)
async def test_an_answer_that_is_no_opinion_is_the_plugins_fault(opinion: Any) -> None:
    async with opened(found("dice", Offering(routers=[giving(opinion)]))) as registry:
        with pytest.raises(PluginFault, match="plugin dice, router any_router: "):
            await route_with(registry)


async def test_an_opinion_made_of_lists_is_as_good() -> None:
    opinion = AnyOpinion([Candidate("code", 1)], [Evidence("note", "so")])
    async with opened(found("dice", Offering(routers=[giving(opinion)]))) as registry:
        assert await route_with(registry) == Opinion((Candidate("code", 1),), (Evidence("note", "so"),))


async def test_numbers_of_numpys_become_plain_ones() -> None:
    evidence = Evidence("example", "hello", "code", np.float64(0.25))
    opinion = AnyOpinion((AnyCandidate("code", np.float32(0.5)),), (evidence,))
    async with opened(found("dice", Offering(routers=[giving(opinion)]))) as registry:
        plain = await route_with(registry)
    assert plain == Opinion((Candidate("code", 0.5),), (Evidence("example", "hello", "code", 0.25),))
    assert type(plain.candidates[0].confidence) is float
    assert type(plain.evidence[0].weight) is float
