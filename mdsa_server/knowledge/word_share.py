"""How much of a message stands in passages word for word, where what is rare counts most. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from mdsa_server.store.passages import WordCount

# As if there were so many more passages, without any of the words: a few do not tell what is rare.
UNSEEN_PASSAGES = 1000


def word_shares(counts: Sequence[WordCount], total: int) -> dict[int, float]:
    """Give, for passages by id, the share of a message's words that they have, times the rarity of the rarest of them.

    `total` is the number of passages there are. The words are weighted by their rarity: from 1, where no passage has a
    word, to nearly 0, where all have it, by the logarithm of how many do (Spärck Jones, A statistical interpretation of
    term specificity, 1972). What has none of them is left out.
    """
    most = log(total + UNSEEN_PASSAGES)
    rarities = [1 - log(count.passages + 1) / most for count in counts]
    found: dict[int, list[float]] = {}
    for count, rarity in zip(counts, rarities, strict=True):
        for passage in count.among:
            found.setdefault(passage, []).append(rarity)
    return {passage: sum(there) / sum(rarities) * max(there) for passage, there in found.items()}
