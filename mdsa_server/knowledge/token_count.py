"""How many tokens a text has: counted as the embedder counts, or estimated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mdsa_server.errors import EmbedderUnavailable

Count = Callable[[str], int]

CHARS_PER_TOKEN = 4
"""Where there is no tokenizer to ask; right for English."""
MOST_CHARS_PER_TOKEN = 8
"""A word too long for the vocabulary is one unknown token, whatever its length; nothing may hide behind that."""


def estimate(text: str) -> int:
    """Guess how many tokens a text has."""
    return -(-len(text) // CHARS_PER_TOKEN)


def counter(tokenizer: Path | None, most: int) -> Count:
    """Give what counts the tokens of a text, the marks around it among them; None estimates.

    Only counts up to `most` are exact, and are therefore fast even for a very long text. Raises EmbedderUnavailable.
    """
    if tokenizer is None:
        return estimate
    from tokenizers import Tokenizer

    try:
        loaded = Tokenizer.from_file(str(tokenizer))
    except Exception as error:
        # The library raises nothing more telling, also where the file is not there.
        raise EmbedderUnavailable(
            f"The embedding model's tokenizer cannot be read: {tokenizer} ({error})",
            "Install the model anew, or name another: [embedding] model in mdsa.toml.",
        ) from error
    # The file may bring both along, and every text would have the same number of tokens.
    loaded.no_truncation()
    loaded.no_padding()

    def count(text: str) -> int:
        least = -(-len(text) // MOST_CHARS_PER_TOKEN)
        return least if least > most else max(least, len(loaded.encode(text).ids))

    return count
