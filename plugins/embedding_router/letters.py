"""What a text looks like: its runs of two to five letters, counted into a vector of fixed length.

The hashing trick (Weinberger et al., Feature Hashing for Large Scale Multitask Learning, 2009): a run's hash says
which number it counts towards, and with which sign, so that runs that meet by chance cancel out on average. There is
no vocabulary to be learnt or kept. Names, codes and spelling, which vectors of meaning blur, tell themselves here.
"""

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BUCKETS = 512
SHORTEST, LONGEST = 2, 5
# A word's runs grow with its length; what is longer than this is no word, and a message of it would take for ever.
LONGEST_WORD = 64
MOST_WORDS = 400

Floats = NDArray[np.float32]


def letters_of(text: str) -> Floats:
    """Count the runs of letters within each word of `text`: unit length, shape (BUCKETS,); all 0 without a letter."""
    counts = [0] * BUCKETS
    for word in text.casefold().split(maxsplit=MOST_WORDS)[:MOST_WORDS]:
        written = f" {word[:LONGEST_WORD]} ".encode("utf-8", "replace")
        for length in range(SHORTEST, LONGEST + 1):
            for start in range(len(written) - length + 1):
                hashed = zlib.crc32(written[start : start + length])
                counts[hashed % BUCKETS] += 1 if hashed & 0x80000000 else -1
    vector = np.array(counts, np.float32)
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def letters_of_all(texts: Iterable[str]) -> Floats:
    """Give a row for each text, shape (texts, BUCKETS)."""
    rows = [letters_of(text) for text in texts]
    return np.stack(rows) if rows else np.empty((0, BUCKETS), np.float32)
