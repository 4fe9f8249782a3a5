"""Messages as SmolLM2 was taught to read them (ChatML), cut to fit a context.

The template in the weights file is not used: it adds a system prompt that spoils answers.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from mdsa_server.embedded_ollama.wire import Refused

BEGIN, END = "<|im_start|>", "<|im_end|>"
# What a message costs besides its text, at most.
MESSAGE_TOKENS = 8
# Left free for the answer, as a share of the context and at most in tokens.
RESERVE_SHARE, RESERVE_MOST = 0.25, 256
# As the llama.cpp inside Ollama says it.
TOO_LONG = "request ({} tokens) exceeds the available context size ({} tokens), try increasing it"

Message = Mapping[str, Any]
Prompt = str | list[int]
"""Text, or tokens."""
Tokenize = Callable[[str], Awaitable[list[int]]]


def rendered(messages: Sequence[Message]) -> str:
    """Write out a conversation up to where the assistant speaks; a last message of its own is gone on with."""
    turns = [turn for message in messages if (turn := _turn(message)) is not None]
    text = "".join(f"{BEGIN}{role}\n{content}{END}\n" for role, content in turns)
    if turns and turns[-1][0] == "assistant":
        return text.removesuffix(f"{END}\n")
    return f"{text}{BEGIN}assistant\n"


async def fitted(messages: Sequence[Message], context: int, tokenize: Tokenize, *, truncate: bool = True) -> Prompt:
    """Write out what fits into `context` tokens, the answer's share left free: the oldest messages go first.

    Ollama also cuts without a word. The system message and the last one stay; if they alone are too
    long, the end of them is what stays. Raises Refused where something would go and `truncate` is false.
    """
    room = max(context - min(int(context * RESERVE_SHARE), RESERVE_MOST), 1)
    system = [message for message in messages if message.get("role") == "system"]
    others = [message for message in messages if message.get("role") != "system"]
    while True:
        text = rendered([*system, *others])
        # A token is a byte at least, so a short text needs no counting.
        if len(text.encode()) <= room:
            return text
        tokens = await tokenize(text)
        if len(tokens) <= room:
            return text
        if not truncate:
            raise Refused(400, TOO_LONG.format(len(tokens), context))
        if len(others) <= 1:
            return tokens[-room:]
        others = others[_surplus(others, len(tokens) / len(text), len(tokens) - room) :]


def _surplus(messages: Sequence[Message], tokens_per_character: float, excess: int) -> int:
    """How many of the oldest messages make up `excess` tokens; never the last one."""
    dropped = 0
    while dropped < len(messages) - 1 and excess > 0:
        text = str(messages[dropped].get("content") or "")
        excess -= MESSAGE_TOKENS + int(len(text) * tokens_per_character)
        dropped += 1
    return max(dropped, 1)


def _turn(message: Message) -> tuple[str, str] | None:
    role, content = str(message.get("role") or "user"), _plain(str(message.get("content") or ""))
    if role == "tool":
        # The model knows no such role; what a tool gave is told to it by the user.
        return "user", f"The {message.get('tool_name') or 'tool'} says: {content}"
    if role == "assistant" and not content and message.get("tool_calls"):
        return None
    return role, content


def _plain(text: str) -> str:
    """Break up what would be read as the end of a message or the begin of another."""
    return text.replace("<|", "< |")
