"""`mdsa evaluate routes`: labelled messages are routed, measured, compared and reported."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mdsa_server.configuration import load
from mdsa_server.configuration.fingerprints import fingerprint_of_routing
from mdsa_server.configuration.reloading import team_of
from mdsa_server.configuration.trying import TOLD_EVERY, ToldEmbed
from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.evaluation.kept import last
from mdsa_server.evaluation.results import RouteEvaluation
from tests.cli.terminal import Terminal
from tests.serving import RunningServer
from tests.web.well_formed import WellFormed

WORD_ROUTER = '''
"""Goes by the words that messages share with examples."""
from mdsa_server.plugin_api import Candidate, Opinion, hookimpl


@hookimpl
def register_routers(context):
    return [WordRouter(context.embed)]


class WordRouter:
    name = "word_router"

    def __init__(self, embed):
        self.embed = embed

    async def fit(self, domains):
        self.domains = domains

    async def route(self, query):
        words = set(query.message.split())
        shares = {
            domain.name: max((len(words & set(one.text.split())) / len(words) for one in domain.examples), default=0)
            for domain in self.domains
        }
        best = max(shares.values())
        total = sum(shares.values())
        ranked = sorted(shares.items(), key=lambda named: -named[1])
        return Opinion(
            tuple(Candidate(name, best * share / total) for name, share in ranked if share),
            out_of_scope=1 - best,
        )
'''
EXAMPLES = [
    ("write a function in python", "code"),
    ("sort a list", "code"),
    ("boil an egg", "kitchen"),
    ("bake some bread", "kitchen"),
]
MESSAGES = [
    ("sort a list", "code"),
    ("write a function", "code"),
    ("boil an egg", "kitchen"),
    ("bake a list of bread", "kitchen"),  # Seems to be code.
    ("who won yesterday", None),
    ("boil over", None),  # Seems half at home.
]


def write(path: Path, lines: Sequence[tuple[str, str | None]]) -> str:
    path.write_text("".join(json.dumps({"text": text, "domain": domain}) + "\n" for text, domain in lines), "utf-8")
    return path.name


@pytest.fixture
def files(terminal: Terminal) -> tuple[str, ...]:
    (terminal.folder / "plugins").mkdir()
    (terminal.folder / "plugins" / "word_router.py").write_text(WORD_ROUTER, "utf-8")
    settings = terminal.folder / "mdsa.toml"
    text = settings.read_text("utf-8").replace("[plugin_host]", '[plugin_host]\ndirectories = ["plugins"]')
    settings.write_text(text.replace('"keyword_router"', '"keyword_router", "word_router"'), "utf-8")
    examples, test = write(terminal.folder / "a.jsonl", EXAMPLES), write(terminal.folder / "b.jsonl", MESSAGES)
    return "--examples", examples, "--test", test


async def test_routing_is_measured_and_told(terminal: Terminal, files: tuple[str, ...]) -> None:
    done = await terminal.mdsa("evaluate", "routes", *files)
    assert done.code == 0, done.err
    assert "4 messages in scope, 2 out of scope; keyword_router, word_router" in done.out
    assert re.search(r"accuracy +75.0 %  95 % 30.1 % to 95.4 %", done.out)
    assert re.search(r"\(2\) +kitchen +1 +1", done.out)


async def test_json_begins_with_the_four_measures_as_fractions(terminal: Terminal, files: tuple[str, ...]) -> None:
    done = await terminal.mdsa("evaluate", "routes", *files, "--json")
    told = json.loads(done.out)
    assert list(told)[:4] == ["accuracy", "auroc", "fpr95", "ece"]
    assert (told["accuracy"], told["auroc"], told["fpr95"]) == (0.75, 0.875, 0.5)
    assert 0 < told["ece"] < 1
    assert told["confusion"]["counts"][1] == [1, 1, 0]
    assert told["decisions"]["out_of_scope"] == 0.5  # "boil over" is half at home.
    assert told["scoring"]["median"] > 0
    assert "changes" not in told


async def test_one_router_may_be_asked_alone(terminal: Terminal, files: tuple[str, ...]) -> None:
    done = await terminal.mdsa("evaluate", "routes", *files, "--json", "--router", "keyword_router")
    told = json.loads(done.out)  # It knows no keywords of these domains.
    assert (told["accuracy"], told["decisions"]["fallback"]) == (0.0, 1.0)
    done = await terminal.mdsa("evaluate", "routes", *files, "--router", "nobody")
    assert done.code == 2
    assert "There is no router nobody" in done.err
    assert "word_router" in done.err


async def test_without_examples_the_configured_domains_are_measured(terminal: Terminal, files: tuple[str, ...]) -> None:
    test = write(terminal.folder / "c.jsonl", [("a python function", "code"), ("good morning", "general")])
    done = await terminal.mdsa("evaluate", "routes", "--test", test, "--json")
    told = json.loads(done.out)
    assert [domain["domain"] for domain in told["domains"]] == ["general", "code"]
    assert told["decisions"]["in_scope"] == 1.0
    assert (told["auroc"], told["fpr95"]) == (None, None)


async def test_the_last_result_is_kept_with_the_fingerprint_of_what_was_measured(
    terminal: Terminal, files: tuple[str, ...]
) -> None:
    settings = load(None, {}, terminal.folder).settings
    configured = fingerprint_of_routing(settings, team_of(settings))
    test = write(terminal.folder / "c.jsonl", [("a python function", "code"), ("good morning", "code")])
    for arguments, file, same in ((("--test", test), "c.jsonl", True), (files, "b.jsonl", False)):
        done = await terminal.mdsa("evaluate", "routes", *arguments)
        assert done.code == 0, done.err
        kept = last(settings.data_folder, RouteEvaluation)
        assert kept is not None
        assert (kept.test, kept.fingerprint == configured) == (file, same)
        assert kept.report.accuracy is not None


async def test_faulty_lines_are_told_with_their_place(terminal: Terminal, files: tuple[str, ...]) -> None:
    lines = ['{"text": "sort", "domain": "code"}', "", "{", '{"text": "sort"}', '{"text": " ", "domain": null}']
    (terminal.folder / "c.jsonl").write_text("\n".join([*lines, '{"text": "x", "domain": "cdoe"}']), "utf-8")
    done = await terminal.mdsa("evaluate", "routes", *files[:2], "--test", "c.jsonl")
    assert done.code == 2
    assert re.findall(r"c\.jsonl:(\d+)", done.err) == ["3", "4", "5", "6"]
    assert "'cdoe', which is not taught" in done.err
    done = await terminal.mdsa("evaluate", "routes", "--test", "nowhere.jsonl")
    assert done.code == 2
    assert "nowhere.jsonl: cannot be read" in done.err


async def test_a_baseline_ends_with_1_where_routing_has_become_worse(
    terminal: Terminal, files: tuple[str, ...]
) -> None:
    many = [(f"{text} {number}", domain) for number in range(10) for text, domain in MESSAGES]
    test = write(terminal.folder / "many.jsonl", many)
    asked = ("evaluate", "routes", "--test", test, "--examples")
    saved = await terminal.mdsa(*asked, "a.jsonl", "--save", "kept/base.json")
    assert saved.code == 0, saved.err
    same = await terminal.mdsa(*asked, "a.jsonl", "--baseline", "kept/base.json")
    assert same.code == 0, same.err
    assert "No measure is worse" in same.out
    fewer = write(terminal.folder / "fewer.jsonl", [("good morning", "code"), EXAMPLES[3]])
    worse = await terminal.mdsa(*asked, fewer, "--baseline", "kept/base.json")
    assert worse.code == 1
    assert "Routing has become worse" in worse.out
    told = json.loads((await terminal.mdsa(*asked, fewer, "--baseline", "kept/base.json", "--json")).out)
    assert next(iter(told)) == "accuracy"
    assert told["changes"][0]["worse"]
    lenient = await terminal.mdsa(*asked, fewer, "--baseline", "kept/base.json", "--margin", "1")
    assert lenient.code == 0


async def test_a_baseline_of_other_messages_is_refused(terminal: Terminal, files: tuple[str, ...]) -> None:
    await terminal.mdsa("evaluate", "routes", *files, "--save", "base.json")
    other = write(terminal.folder / "c.jsonl", MESSAGES[1:])
    done = await terminal.mdsa("evaluate", "routes", *files[:2], "--test", other, "--baseline", "base.json")
    assert done.code == 2
    assert "is of other messages" in done.err
    done = await terminal.mdsa("evaluate", "routes", *files, "--baseline", "a.jsonl")
    assert "is no baseline" in done.err


async def test_it_runs_beside_a_server_that_holds_the_data_folder(
    terminal: Terminal, server: RunningServer, files: tuple[str, ...]
) -> None:
    done = await terminal.mdsa("evaluate", "routes", *files)
    assert done.code == 0, done.err


# --- the report


async def test_the_report_is_one_well_formed_file_without_scripts_and_hosts(
    terminal: Terminal, files: tuple[str, ...]
) -> None:
    test = write(terminal.folder / "b.jsonl", [*MESSAGES, ('<script>alert("list")</script> a list', "kitchen")])
    asked = ("evaluate", "routes", *files[:2], "--test", test)
    await terminal.mdsa(*asked, "--save", "base.json")
    done = await terminal.mdsa(*asked, "--baseline", "base.json", "--html", "out/report.html")
    assert done.code == 0, done.err
    text = (terminal.folder / "out" / "report.html").read_text("utf-8")
    parser = WellFormed()
    parser.feed(text)
    assert parser.open == []
    assert parser.addresses == []
    assert "script" not in parser.tags
    assert parser.tags.count("svg") == 5
    assert "&lt;script&gt;" in text
    assert not re.search(r"url\(|@import|https?:|//[a-z]", text)
    for word in ("Reliability diagram", "Risk-coverage curve", "Histogram", "Confusion matrix", "Against the baseline"):
        assert word in text


async def test_a_report_of_messages_that_are_all_in_scope_or_all_out_is_made_too(
    terminal: Terminal, files: tuple[str, ...]
) -> None:
    for lines in (MESSAGES[:1], MESSAGES[4:]):
        test = write(terminal.folder / "c.jsonl", lines)
        done = await terminal.mdsa("evaluate", "routes", *files[:2], "--test", test, "--html", "report.html")
        assert done.code == 0, done.err


# --- embedding


def told_embedding(told: list[int]) -> ToldEmbed:
    @contextmanager
    def progress(length: int) -> Iterator[Callable[[int], None]]:
        told.append(length)
        yield told.append

    return ToldEmbed(plain_embed, progress)


async def plain_embed(texts: Sequence[str], *, cached: bool = False) -> NDArray[np.float32]:
    if "unknown" in texts:
        raise EmbedderUnavailable("there is no model")
    return np.array([[len(text), cached] for text in texts], np.float32)


async def test_progress_is_told_of_many_examples_and_their_vectors_are_as_without() -> None:
    told: list[int] = []
    texts = ["x" * (number % 7) for number in range(TOLD_EVERY * 2 + 3)]
    embed = told_embedding(told)
    assert (await embed(texts, cached=True) == await plain_embed(texts, cached=True)).all()
    assert told == [len(texts), TOLD_EVERY, TOLD_EVERY, 3]
    assert (await embed(["one message"])).shape == (1, 2)
    assert len(told) == 4


async def test_an_embedder_that_fails_is_remembered() -> None:
    embed = told_embedding([])
    with pytest.raises(EmbedderUnavailable):
        await embed(["unknown"], cached=True)
    assert embed.failed is not None
