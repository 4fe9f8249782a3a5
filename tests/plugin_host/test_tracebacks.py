"""The record of a fault says where in the code it was, and never what was raised said."""

import pytest

from mdsa_server.errors import PluginFault
from mdsa_server.plugin_api import Opinion
from mdsa_server.plugin_host.member import MOST_FAULTS_KEPT, MOST_TRACEBACKS_KEPT
from mdsa_server.plugin_host.plugin_code import MOST_CHARS, traceback_of
from tests.plugin_host.offering import AnyRouter, Offering, found, opened, route_with, status_of

SAID = "what the user wrote"


async def fails_twice() -> Opinion:
    try:
        raise KeyError(SAID)
    except KeyError as error:
        raise ValueError(SAID) from error


async def test_a_failed_call_leaves_the_frames_and_kinds_of_all_that_was_raised() -> None:
    async with opened(found("dice", Offering(routers=[AnyRouter(answer=fails_twice)]))) as registry:
        with pytest.raises(PluginFault):
            await route_with(registry)
        (fault,) = status_of(registry, "dice").faults
    assert "in fails_twice" in fault.traceback
    assert fault.traceback.index("KeyError") < fault.traceback.index("ValueError")
    assert SAID not in fault.traceback


async def test_only_the_newest_faults_keep_theirs() -> None:
    async with opened(found("dice", Offering(routers=[AnyRouter(answer=fails_twice)])), max_faults=1000) as registry:
        for _ in range(MOST_FAULTS_KEPT + 5):
            with pytest.raises(PluginFault):
                await route_with(registry)
        faults = status_of(registry, "dice").faults
    assert len(faults) == MOST_FAULTS_KEPT
    assert [bool(fault.traceback) for fault in faults[-MOST_TRACEBACKS_KEPT - 1 :]] == [
        False,
        *[True] * MOST_TRACEBACKS_KEPT,
    ]


def test_one_of_an_endless_recursion_is_short_and_ends_with_the_innermost_frame() -> None:
    def deeper(depth: int) -> None:
        if depth:
            deeper(depth - 1)
        raise LookupError(SAID)

    def chained(depth: int) -> None:
        try:
            deeper(200) if not depth else chained(depth - 1)
        except LookupError as error:
            raise LookupError from error

    with pytest.raises(LookupError) as raised:
        chained(20)
    told = traceback_of(raised.value)
    assert len(told) <= MOST_CHARS + 1
    assert told.endswith("LookupError")
