"""Kinds of values in `mdsa.toml` that need more than a type: what fits, and what mends the rest."""

import math
import re
from collections.abc import Callable
from math import isfinite
from os.path import expanduser, isdir  # And not Path's own: they raise for no such home, and for too long a name.
from pathlib import Path
from socket import getaddrinfo
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import InitErrorDetails

from mdsa_server.errors import DocumentUnreadable
from mdsa_server.knowledge.file_bytes import take
from mdsa_server.knowledge.stop_words import LANGUAGES
from mdsa_server.vocabulary.domain import Example, ModelOptions, Think
from mdsa_server.vocabulary.hidden_values import shown_text
from mdsa_server.vocabulary.loopback import is_loopback
from mdsa_server.vocabulary.model_options import OPTIONS, OptionType

EXAMPLE_LINE = '{"text": "How do I reverse a list?", "intent": "lists"}'
EXAMPLE_DECODER = msgspec.json.Decoder(Example)
MOST_BYTES_OF_EXAMPLES = 100_000_000

MOST_FLAWS = 10
"""So many lines of a file are told; more are most likely of one kind."""

DURATION = re.compile(r"-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+")
"""A span of time as the engine writes it."""

HOST = re.compile(r"[A-Za-z0-9._:%-]+")
"""A name or an address. Names in other letters than these have a form in these, xn--..., which clients agree on."""
HOST_NAME = re.compile(r"(\w([\w-]*\w)?\.)*\w([\w-]*\w)?|\[[0-9A-Fa-f:.]+\]", re.ASCII)
"""The same as a browser asks for it in the header Host, but for the port."""
WEB_PORTS = {"http": 80, "https": 443}

DURATION_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def in_seconds(duration: str | float) -> float:
    """Give a span of time that KeepAlive has let pass in seconds: `90`, `"1h30m"`, below 0 for ever."""
    if not isinstance(duration, str):
        return float(duration)
    parts = re.findall(r"([\d.]+)(ns|us|µs|ms|s|m|h)", duration)
    seconds = sum(float(number) * DURATION_SECONDS[unit] for number, unit in parts)
    return -seconds if duration.startswith("-") else seconds


class Unfit(ValueError):
    """A value of the right type that cannot be used: what is wrong with it, and how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend


class KindOfOption(NamedTuple):
    """What values an option takes."""

    words: str
    example: str
    fits: Callable[[Any], bool]


def _is_whole(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63  # Beyond that it could not be sent.


KINDS_OF_OPTIONS: dict[OptionType, KindOfOption] = {
    bool: KindOfOption("true or false", "true", lambda value: isinstance(value, bool)),
    int: KindOfOption("a whole number", "64", _is_whole),
    float: KindOfOption(
        "a number", "0.5", lambda value: _is_whole(value) or (type(value) is float and isfinite(value))
    ),
    str: KindOfOption("a string in quotes", '"..."', lambda value: isinstance(value, str)),
    list[str]: KindOfOption(
        "a list of strings",
        '["###"]',
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
}


def _from_the_files_folder(path: Path, info: ValidationInfo) -> Path:
    """Make a path absolute: it was written in a file, so it starts from that file's folder."""
    folder = (info.context or {}).get("folder", Path.cwd())
    return Path(folder, expanduser(path)).resolve()


def _language(name: str) -> str:
    if name not in LANGUAGES:
        raise Unfit(
            f"{name!r} is no language whose commonest words are known here", f"Name some of {', '.join(LANGUAGES)}."
        )
    return name


def _folder_or_name(model: str, info: ValidationInfo) -> str:
    """Tell a model's folder, made absolute, from a model's name; the engine's own models have names alone."""
    if info.data.get("provider") == "ollama":
        if model == "auto":
            raise Unfit('"auto" is no model of the engine', "Name one that embeds, such as nomic-embed-text.")
        return model
    folder = _from_the_files_folder(Path(model), info)
    return str(folder) if model != "auto" and isdir(folder) else model


def _host(host: str) -> str:
    if not is_loopback(host):
        _resolve(host)
    return host


def _resolve(name: str) -> None:
    """Raise Unfit for a name without an address: that is its trouble, and not whom it would let in."""
    try:
        getaddrinfo(name, None)
    except (OSError, ValueError) as error:  # ValueError: it could not even be asked for.
        raise Unfit(
            f'"{shown_text(name)}" cannot be resolved to an address', "Write 127.0.0.1, ::1 or localhost."
        ) from error


def is_web_address(url: str) -> bool:
    """Whether a client can be made for `url`: http or https, a host, and a port other than 0 if any."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host.encode("idna")
        named = HOST.fullmatch(host) is not None and parts.port != 0
        return named and parts.scheme in ("http", "https") and url.isprintable()
    except ValueError:  # A port that is no number, a bracket left open, an empty part of a name.
        return False


def _host_name(given: str) -> str:
    if not HOST_NAME.fullmatch(given):
        mend = 'Name each as a browser asks for it, without scheme, port or "*": "mdsa.example.org", "[fd00::1]".'
        raise Unfit(f'holds "{given}", which is no host name', mend)
    return given


def _origin(given: str) -> str:
    """Let an origin pass as browsers write it (RFC 6454): scheme, host, and the port unless it is the usual one."""
    mend = 'Name each as a browser does: "https://app.example.org", or with its port, "http://localhost:3000".'
    if not is_web_address(given) or "*" in given:
        raise Unfit(f'holds "{given}", which is no origin', mend)
    parts = urlsplit(given.lower())
    port = "" if parts.port in (None, WEB_PORTS[parts.scheme]) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if given != (origin := f"{parts.scheme}://{host}{port}"):
        raise Unfit(f'holds "{given}", which is more than an origin', f'Write "{origin}".')
    return given


def _engine_url(url: str) -> str:
    if url != "auto" and not is_web_address(url):
        raise Unfit(
            f'"{shown_text(url)}" is not an address of an engine',
            'Write "auto", or for example "http://127.0.0.1:11434".',
        )
    return url.rstrip("/")


def _keep_alive(value: Any) -> Any:
    if isinstance(value, str):
        usable = DURATION.fullmatch(value) is not None
    else:
        usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not usable:
        raise Unfit("must be seconds or a duration", 'Write for example 300, "5m", "1h30m", 0 or -1 (for ever).')
    return value


def _think(value: Any) -> Any:
    if value is not None and not isinstance(value, bool) and value not in ("low", "medium", "high"):
        raise Unfit('must be true, false, "low", "medium" or "high"', "Or leave it out: then the model decides.")
    return value


def _options(options: Any) -> Any:
    """Refuse each option that is not of its type. Of names that are not known, any type that an option can have."""
    faulty = [
        InitErrorDetails(type="value_error", loc=(name,), input=value, ctx={"error": unfit})
        for name, value in (options.items() if isinstance(options, dict) else ())
        if (unfit := _unfit_option(name, value))
    ]
    if faulty:
        raise ValidationError.from_exception_data("options", faulty)
    return options


def _unfit_option(name: str, value: Any) -> Unfit | None:
    known = KINDS_OF_OPTIONS[OPTIONS[name]] if name in OPTIONS else None
    if any(kind.fits(value) for kind in ([known] if known else KINDS_OF_OPTIONS.values())):
        return None
    if known:
        return Unfit(f"must be {known.words}", f"Write for example {name} = {known.example}.")
    return Unfit(
        "must be a number, a string, true, false or a list of strings",
        "Write options = { num_ctx = 8192, temperature = 0.2 }, for example.",
    )


class FileOfExamples(NamedTuple):
    """Examples that stand in a file of their own."""

    path: Path
    examples: tuple[Example, ...]


def _examples_from(value: Any, info: ValidationInfo) -> FileOfExamples:
    if not isinstance(value, str):
        raise Unfit("must be a path in quotes", f"Name a file with a line for each example: {EXAMPLE_LINE}")
    return _read_examples(_from_the_files_folder(Path(value), info))


def _read_examples(path: Path) -> FileOfExamples:
    mend = f"Write one on each line of {path.name}, such as {EXAMPLE_LINE}"
    try:
        # A pipe or a device in its place must not hold up who reads the configuration.
        lines = take(str(path), MOST_BYTES_OF_EXAMPLES).decode("utf-8-sig").splitlines()
    except DocumentUnreadable as error:
        raise Unfit(f"{path} {error.detail}", "Name a file that is there, with a line for each example.") from error
    except UnicodeDecodeError as error:
        raise Unfit(f"{path} is not UTF-8", "Save the file as UTF-8.") from error
    examples, flaws = [], []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                examples.append(EXAMPLE_DECODER.decode(line))
            except (msgspec.DecodeError, RecursionError) as error:
                flaws.append(f"line {number} is no example ({error})")
                continue
            if not examples[-1].text.strip():
                flaws.append(f"line {number} has an empty text")
    if flaws:
        more = f"; and {len(flaws) - MOST_FLAWS} more" if len(flaws) > MOST_FLAWS else ""
        raise Unfit(f"{path.name}: {'; '.join(flaws[:MOST_FLAWS])}{more}", mend)
    if not examples:
        raise Unfit(f"{path.name} holds no example", mend)
    return FileOfExamples(path, tuple(examples))


def _said(text: str) -> str:
    if not text.strip():
        raise Unfit("is empty", "Say in a sentence what the domain is for: routers and people read it.")
    return text


def _collection(name: str) -> str:
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise Unfit(
            f"holds {name!r}, which no collection is called", "Name it in a word or a few, as with --collection."
        )
    return name


FilePath = Annotated[Path, Field(strict=False), AfterValidator(_from_the_files_folder)]
ExamplesFile = Annotated[FileOfExamples, PlainValidator(_examples_from, json_schema_input_type=str)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
Text = Annotated[str, Field(min_length=1)]
CollectionNames = Annotated[tuple[Annotated[str, AfterValidator(_collection)], ...], Field(strict=False)]
Languages = Annotated[tuple[Annotated[str, AfterValidator(_language)], ...], Field(strict=False)]
Seconds = Annotated[float, Field(gt=0)]
DomainName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
HostNames = Annotated[tuple[Annotated[str, AfterValidator(_host_name)], ...], Field(strict=False)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], Field(strict=False)]
FolderOrName = Annotated[str, Field(min_length=1), AfterValidator(_folder_or_name)]
Host = Annotated[str, AfterValidator(_host)]
EngineUrl = Annotated[str, AfterValidator(_engine_url)]
KeepAlive = Annotated[str | float, BeforeValidator(_keep_alive)]
Sentence = Annotated[str, AfterValidator(_said)]
Options = Annotated[ModelOptions, BeforeValidator(_options)]
Thinking = Annotated[Think | None, BeforeValidator(_think)]
