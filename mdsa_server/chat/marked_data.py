"""Text from elsewhere, such as passages and results of tools, marked in the prompt as data: it cannot end its mark."""

from __future__ import annotations

import re

# What the templates of common models take for the end of a message or the beginning of another (ChatML, Llama, Mistral,
# Gemma, Phi, DeepSeek). An engine reads these in a prompt wherever they stand.
CONTROL = re.compile(
    r"<(?=\||｜|/?s>|/?(?:start|end)_of_turn>|/?(?:bos|eos|unk|pad)>|/?tool_call>)|\[(?=/?(?:INST|TOOL_CALLS|AVAILABLE_TOOLS)\])"
    r"|<(?=<SYS>>|</SYS>>)",
    re.IGNORECASE,
)


def as_data(text: str, mark: str) -> str:
    """Give a text in which nothing ends the mark that it stands in, or is an engine's sign for a new message."""
    text = re.sub(rf"<(?=\s*/?\s*{re.escape(mark)}\b)", "< ", text, flags=re.IGNORECASE)
    return CONTROL.sub(lambda found: f"{found[0]} ", text)
