"""Text from elsewhere, such as passages and results of tools, marked in the prompt as data: it cannot end its mark."""

from __future__ import annotations

import re

# What the templates of common models take for the end of a message or the beginning of another (ChatML, Llama, Mistral,
# Gemma, Phi, DeepSeek, GLM, Command). An engine reads these in a prompt wherever they stand.
BARS = r"<(?=[|｜])|[|｜](?=>)"
NAMES = r"\[(?=/?(?:[A-Z][A-Z_]{2,}|gMASK)\])"
TAGS = (
    r"<(?=/?(?:s|bos|eos|unk|pad|sop|eop|think|tool_\w+|(?:start|end|begin)_\w+|\w+_TOKEN)>)"
    r"|<(?=<SYS>>|</SYS>>)"
)
CONTROL = re.compile(f"{BARS}|{NAMES}|(?i:{TAGS})")


def as_data(text: str, mark: str) -> str:
    """Give a text in which nothing ends the mark that it stands in, or is an engine's sign for a new message."""
    # White space is bounded: a text of nothing else would be looked through again from each place in it.
    ends = rf"<(?=\s{{0,3}}/?\s{{0,3}}{re.escape(mark)}\b)"
    return without_control(re.sub(ends, "< ", text, flags=re.IGNORECASE))


def without_control(text: str) -> str:
    """Give a text without an engine's signs for a new message: white space breaks them."""
    return CONTROL.sub(lambda found: f"{found[0]} ", text)
