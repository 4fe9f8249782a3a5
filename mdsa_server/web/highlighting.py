"""Code in answers: which language it is in, and its words coloured by what they are."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from markupsafe import escape
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, Operator, String, Token

LANGUAGES = {
    **dict.fromkeys(("python", "py", "python3"), "Python"),
    **dict.fromkeys(("javascript", "js"), "JavaScript"),
    **dict.fromkeys(("typescript", "ts"), "TypeScript"),
    **dict.fromkeys(("bash", "sh", "shell", "zsh"), "Bash"),
    **dict.fromkeys(("cpp", "c++"), "C++"),
    **dict.fromkeys(("csharp", "c#", "cs"), "C#"),
    **dict.fromkeys(("rust", "rs"), "Rust"),
    **dict.fromkeys(("ruby", "rb"), "Ruby"),
    **dict.fromkeys(("yaml", "yml"), "YAML"),
    **dict.fromkeys(("docker", "dockerfile"), "Dockerfile"),
    **dict.fromkeys(("make", "makefile"), "Makefile"),
    **dict.fromkeys(("go", "golang"), "Go"),
    **dict.fromkeys(("kotlin", "kt"), "Kotlin"),
    **dict.fromkeys(("powershell", "ps1"), "PowerShell"),
    **{"c": "C", "java": "Java", "php": "PHP", "swift": "Swift", "lua": "Lua", "r": "R", "jsx": "JSX"},
    **{"html": "HTML", "xml": "XML", "css": "CSS", "scss": "SCSS", "json": "JSON", "toml": "TOML"},
    **{"sql": "SQL", "diff": "Diff", "dart": "Dart", "haskell": "Haskell", "perl": "Perl", "graphql": "GraphQL"},
}
"""What may stand behind a fence, and the name of the language. Only those are here whose lexers were tried with hostile
text: those of INI files and of MATLAB, among others, may take seconds for a single word."""

CLASSES = {
    Keyword: "k",
    Operator.Word: "k",
    String: "s",
    Literal: "s",
    Number: "m",
    Comment: "c",
    Comment.Preproc: "a",
    Name.Function: "f",
    Name.Class: "f",
    Name.Tag: "k",
    Name.Attribute: "a",
    Name.Decorator: "a",
    Name.Builtin: "b",
    Name.Exception: "b",
    Name.Constant: "b",
    Generic.Inserted: "i",
    Generic.Deleted: "d",
    Generic.Heading: "f",
    Generic.Subheading: "c",
}
"""The classes of the kinds of words that have a colour; kinds within one of them share it."""

LONGEST_NAME = 24
# Of a longer block the beginning is coloured. Lexers read some 100 kB a second.
BLOCK_CHARS = 10_000
# Hostile text makes lexers slow: what is not done by then stays plain.
SECONDS = 0.2
# A block that still grows is read anew in each frame.
GROWING_CHARS, GROWING_SECONDS = 2_000, 0.02


@dataclass
class Budget:
    """What colouring the code of one text may yet cost: processor seconds, and characters of one block."""

    seconds: float = SECONDS
    chars: int = BLOCK_CHARS
    grows: bool = False
    """Whether the same text comes again in a moment, with more at its end."""


def growing() -> Budget:
    return Budget(GROWING_SECONDS, GROWING_CHARS, grows=True)


def language_of(info: str) -> str:
    """Name the language that stands behind a fence, as it is written where it is none of ours."""
    word = _word(info)
    return LANGUAGES.get(word.casefold(), word if len(word) <= LONGEST_NAME else "")


def highlighted(code: str, info: str, budget: Budget) -> str:
    """Give code as HTML, its words in spans with one of `CLASSES`; as it is where its language is not known."""
    language = _word(info).casefold()
    if language not in LANGUAGES:
        return str(escape(code))
    began = time.thread_time()
    if budget.grows and len(code) <= budget.chars:
        html = _coloured(code, language, budget.seconds)
    else:
        end = len(code) if len(code) <= budget.chars else code.rfind("\n", 0, budget.chars) + 1
        html = _kept(code[:end], language, budget.seconds > 0) + str(escape(code[end:]))
    budget.seconds -= time.thread_time() - began
    return html


@lru_cache(maxsize=128)
def _kept(code: str, language: str, at_all: bool) -> str:
    """Keep what is shown at each frame of an answer, and again at its end."""
    return _coloured(code, language, SECONDS if at_all else 0.0)


def _coloured(code: str, language: str, seconds: float) -> str:
    parts = groupby(_classed(code, language, seconds), key=lambda part: part[0])
    texts = ((name, str(escape("".join(text for _, text in same)))) for name, same in parts)
    return "".join(f'<span class="{name}">{text}</span>' if name else text for name, text in texts)


def _classed(code: str, language: str, seconds: float) -> Iterator[tuple[str, str]]:
    """Give the words of code, each with its class, or none; what there was no time for as one word."""
    # Made before the clock starts: the first one of a language may take longer than a text is given.
    lexer = _lexer(language)
    end = time.thread_time() + seconds
    done = 0
    for at, kind, text in lexer.get_tokens_unprocessed(code):
        if time.thread_time() > end or at != done:
            break
        done += len(text)
        yield _class(kind), text
    if done < len(code):
        yield "", code[done:]


@cache
def _class(kind: Any) -> str:
    """Give the class of a kind, or of what it is a kind of."""
    while kind is not Token:
        if kind in CLASSES:
            return CLASSES[kind]
        kind = kind.parent
    return ""


@cache
def _lexer(language: str) -> Lexer:
    # Models write PHP without its opening tag.
    return get_lexer_by_name(LANGUAGES[language], startinline=True)


def _word(info: str) -> str:
    return (info.split() or [""])[0].strip("{}.,:")
