"""How often somebody may do something: each has a bucket, which fills up as time goes by."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

from litestar.types import Scope

MINUTE = 60.0
# Of those who were seen longest ago the bucket is full again, or they are too many to be told apart.
MOST_REMEMBERED = 10_000


def address_of(scope: Scope) -> str:
    """Give where a request comes from, as those are told apart who show no key."""
    client = scope.get("client")
    return client[0] if client else "nowhere"


class Rates:
    """Token buckets (Turner, New directions in communications, 1986), by whom they are for.

    A bucket holds what may be done in a minute, and fills up within one. Who was never seen has a full one.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock or monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By whom: what was left in the bucket, and when."""

    def wait(self, whom: str, per_minute: float, cost: float = 1.0) -> float:
        """Take `cost` out of somebody's bucket, or give the seconds after which there will be so much in it.

        0 says that it was taken. What costs more than a bucket holds is taken from a full one, and is owed.
        """
        now = self._clock()
        left = self._now(whom, per_minute, now)
        lacking = min(cost, per_minute) - left
        if lacking > 0:
            self._keep(whom, left, now)
            return lacking * MINUTE / per_minute
        self._keep(whom, left - cost, now)
        return 0.0

    def owe(self, whom: str, per_minute: float, cost: float) -> None:
        """Take out what was used, once that is known, or put it back where it is less than nothing.

        The bucket may come to hold less than nothing, but never more than it does when it is full.
        """
        now = self._clock()
        self._keep(whom, self._now(whom, per_minute, now) - cost, now)

    def _now(self, whom: str, per_minute: float, now: float) -> float:
        left, then = self._left.get(whom, (per_minute, now))
        return min(per_minute, left + max(now - then, 0.0) * per_minute / MINUTE)

    def _keep(self, whom: str, left: float, now: float) -> None:
        self._left[whom] = (left, now)
        self._left.move_to_end(whom)
        while len(self._left) > MOST_REMEMBERED:
            self._left.popitem(last=False)
