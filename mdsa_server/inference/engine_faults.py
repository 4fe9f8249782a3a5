"""What an engine's refusals and silences mean, as errors that tell how to mend them."""

import json
import re

import aiohttp
import httpx

from mdsa_server.errors import (
    EngineBusy,
    EngineDied,
    EngineError,
    EngineRefused,
    EngineUnreachable,
    PromptTooLong,
    UnknownModel,
)

LONGEST_REST = 64 * 1024
"""In bytes."""
# Ollama's own words, and those of the llama.cpp inside it, which tell how long the prompt is.
TOO_LONG = re.compile(r"(?:\((?P<tokens>\d+) tokens\) )?exceeds the (?:available )?context (?:length|size)")


def unreachable(url: str, cause: BaseException) -> EngineUnreachable:
    """The engine could not be reached, or went away before it began to answer."""
    return EngineUnreachable(
        f"No answer from the engine at {url}: {reason(cause)}.",
        f"Start it (ollama serve), or set [engine] url if it is not at {url}.",
    )


def not_an_engine(url: str) -> EngineUnreachable:
    """Something answers at the engine's address, but not as an engine does."""
    return EngineUnreachable(
        f"What answers at {url} does not speak as Ollama does.",
        "Another program has this port: set [engine] url to where Ollama listens.",
    )


def died(reason: str) -> EngineDied:
    """The engine broke off after it had begun to answer."""
    return EngineDied(reason, "Ask again; the engine's own log tells why if it happens again.")


async def rest_of(body: aiohttp.StreamReader) -> str:
    """Read a body to its end, or as much of it as an engine may have to say that refuses, or that is done."""
    read = b""
    while len(read) < LONGEST_REST and (block := await body.readany()):
        read += block
    return read.decode(errors="replace")


def refusal(status: int, body: str, model: str = "") -> EngineError | UnknownModel:
    """Read an HTTP error of the engine's; `body` is its JSON, or the text from within it.

    Ollama answers 404 for a model it does not have, in words that differ between endpoints, and 500
    for a bad option or format as well as for a runner that ended. The status is -1 where the error is
    a line of a stream that began well.
    """
    text = error_text(body)
    match status:
        case 400 if too_long := TOO_LONG.search(text):
            return _too_long(too_long, model)
        case 404 if "model" in text:
            return UnknownModel(f"The engine has no model {model!r}.", f"Fetch it: mdsa models pull {model}")
        case 503:
            return EngineBusy(f"The engine takes no more requests now: {text}", "Try again in a moment.")
        case 500 if "terminated" in text:
            return died(f"The engine's model process ended: {text}")
        case 500 if "system memory" in text:
            mend = "Choose a smaller model for the domain, or a smaller num_ctx."
        case 500 if text.startswith(("option", "invalid format")):
            mend = "Mend the options of the domain in mdsa.toml."
        case _ if text.startswith("pull model manifest"):
            mend = "Check its name, and that the engine can fetch models: Ollama does, online (ollama serve)."
            return EngineRefused(f"The engine cannot fetch {model!r}: {text}", mend)
        case 400 if "does not support" in text:
            mend = f"Do not ask it of {model!r}: choose another model for the domain."
        case _:
            mend = "The engine's own log tells more."
    said = f"The engine answered {status}" if status > 0 else "The engine broke off"
    return EngineRefused(f"{said}: {text}", mend)


def _too_long(said: re.Match[str], model: str) -> PromptTooLong:
    tokens = int(said["tokens"]) if said["tokens"] else None
    told = f"{tokens} tokens are" if tokens else "The prompt is"
    error = PromptTooLong(
        f"{told} more than the context of {model!r} holds.",
        "Send less, or give the domain a larger context: num_ctx in its options in mdsa.toml.",
    )
    error.tokens = tokens
    return error


def error_text(body: str) -> str:
    """Take the words out of `{"error": words}`; anything else is given back, shortened."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body.strip()[:500]
    return str(answer["error"]) if isinstance(answer, dict) and "error" in answer else body.strip()[:500]


def reason(cause: BaseException) -> str:
    """Say in words why there is no answer, or no more of it; the libraries' own are for their authors."""
    if isinstance(cause, TimeoutError | httpx.TimeoutException):
        return "it said nothing for too long"
    if isinstance(cause, aiohttp.ClientConnectorError | httpx.ConnectError):
        return "nothing there accepts a connection"
    # The ollama package raises a plain ConnectionError, and for nothing but a failed connection.
    return "nothing there accepts a connection" if type(cause) is ConnectionError else "the connection was closed"
