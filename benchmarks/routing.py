"""How often messages find their domain: embedding_router beside three simple ones, on clinc150.

usage: python -m benchmarks.routing [--json] [--seeds N] [--rows NAME ...]

The data are `clinc150/train.jsonl` and `val.jsonl` in the folder that MDSA_SHARED names (default ../shared): Larson et
al., An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction, 2019. Each row samples examples from
the first, fits every router on the same ones, and tries them on the second, its 100 messages out of scope included;
figures are means over the seeds. `accuracy`: the share of messages in scope whose surest candidate is right.
`auroc` and `fpr95`: how well "no domain fits" tells messages in scope from others. `ece`: by how much confidence and
being right differ, in 15 bins, over all messages. They are those of `mdsa evaluate routes`.

Vectors are made once, before anything is timed. `scoring_ms` is one message beyond its vector, `embedding_ms` the
vector of a short one; both are medians, on one thread.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.described import DESCRIBED
from mdsa_server import bundled
from mdsa_server.evaluation.routes import Columns, measures
from mdsa_server.inference.embedder import Embedder
from mdsa_server.plugin_api import Domain, Example, RouteQuery
from mdsa_server.plugin_host.discovery import discover

Floats = NDArray[np.floating]

ROWS = {"5_intent": (5, "intent"), "20_intent": (20, "intent"), "100_intent": (100, "intent")}
ROWS |= {"20_domain": (20, "domain"), "50_domain": (50, "domain"), "descriptions": (0, "")}
AIMS: dict[str, dict[str, float]] = {
    "20_intent": {"accuracy": 0.978, "auroc": 0.984, "fpr95": 0.08, "ece": 0.02, "fit_s": 3.0, "scoring_ms": 0.3},
    "100_intent": {"accuracy": 0.985, "auroc": 0.986, "fpr95": 0.07, "ece": 0.02, "scoring_ms": 0.3},
    "20_domain": {"accuracy": 0.86, "auroc": 0.93, "fpr95": 0.26, "ece": 0.02, "fit_s": 3.0, "scoring_ms": 0.3},
    "descriptions": {"accuracy": 0.76, "auroc": 0.88, "fpr95": 0.45, "fit_s": 3.0, "scoring_ms": 0.3},
}
"""What is aimed at on data that was not looked at: accuracy and AUROC at least, the others at most."""
HEADS = {"accuracy": "accuracy", "AUROC": "auroc", "FPR95": "fpr95", "ECE": "ece", "fit s": "fit_s", "ms": "scoring_ms"}
# How long the small copy of the embedding model, which embeds messages, is waited for.
COPY_SECONDS = 120.0
SHORT = "what is the weather like in Lisbon tomorrow"


@dataclass(frozen=True)
class Message:
    text: str
    domain: str | None
    intent: str | None


@dataclass(frozen=True)
class Said:
    """What a router said of all messages."""

    domains: list[str]
    """Its surest, of each."""
    confidences: Floats
    scope: Floats
    """The higher, the likelier any domain fits."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    options = parser.parse_args()
    folder = Path(os.environ.get("MDSA_SHARED", "../shared")) / "data" / "clinc150"
    if not folder.is_dir():
        sys.exit(f"There is no {folder}; name the folder that holds data/clinc150 in MDSA_SHARED.")
    figures = asyncio.run(measure(folder, options.rows, options.seeds))
    if options.json:
        print(json.dumps(figures))


async def measure(folder: Path, rows: Sequence[str], seeds: int) -> dict[str, dict[str, float]]:
    """Give each row's figures, and print the table as it comes."""
    train, test = read(folder / "train.jsonl"), read(folder / "val.jsonl")
    with tempfile.TemporaryDirectory() as copies:
        embedder = Embedder("auto", offline=True, threads=1, cache=None, copies=Path(copies))
        try:
            vectors: dict[str, Floats] = {}
            await fill(vectors, embedder, [message.text for message in [*train, *test]])
            embedding_ms = await time_embedding(embedder)
            print(f"{'examples':<18}{'router':<18}", *(f"{head:>8}" for head in HEADS))
            figures = {}
            for row in rows:
                figures[row] = await measure_row(row, train, test, vectors, embedder, seeds)
                figures[row]["embedding_ms"] = embedding_ms
        finally:
            await embedder.close()
    return figures


async def measure_row(
    row: str, train: list[Message], test: list[Message], vectors: dict[str, Floats], embedder: Embedder, seeds: int
) -> dict[str, float]:
    runs: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds if row != "descriptions" else 1):
        examples = described() if row == "descriptions" else sample(train, *ROWS[row], seed)
        await fill(vectors, embedder, [example.text for example in examples])
        with_intents = ROWS[row][1] == "intent"
        runs.setdefault("embedding_router", []).append(await ours(examples, test, vectors, with_intents=with_intents))
        for name, baseline in BASELINES.items():
            runs.setdefault(name, []).append(scores(test, baseline(examples, test, vectors)))
        if len(examples) == sum(message.domain is not None for message in train):
            break  # Other seeds would take the same examples: all there are.
    means = {name: {key: statistics.fmean(run[key] for run in each) for key in each[0]} for name, each in runs.items()}
    for name, mean in means.items():
        print_row(row if name == "embedding_router" else "", name, mean)
    if row in AIMS:
        print_row("", "aim", AIMS[row])
    return means["embedding_router"]


async def ours(
    examples: list[Message], test: list[Message], vectors: dict[str, Floats], *, with_intents: bool
) -> dict[str, float]:
    """Fit the plugin as the server does, and ask it about every message."""
    (plugin,) = (found for found in discover(bundled.plugins(), []) if found.name == "embedding_router")
    module: Any = plugin.load()

    async def embed(texts: Sequence[str], *, cached: bool = False) -> NDArray[np.float32]:
        return np.stack([vectors[text] for text in texts]).astype(np.float32)

    router = module.EmbeddingRouter(embed)
    names = sorted({example.domain or "" for example in examples})
    domains = [
        Domain(
            name=name,
            description="",
            examples=tuple(
                Example(example.text, example.intent if with_intents else None)
                for example in examples
                if example.domain == name
            ),
        )
        for name in names
    ]
    began = time.perf_counter()
    await router.fit(domains)
    fit_s = time.perf_counter() - began
    said, confidences, scope, taken = [], [], [], []
    for message in test:
        vector = vectors[message.text]

        async def given(vector: Floats = vector) -> Any:
            return vector

        began = time.perf_counter()
        opinion = await router.route(RouteQuery(message=message.text, vector=given))
        taken.append(time.perf_counter() - began)
        said.append(opinion.candidates[0].domain)
        confidences.append(opinion.candidates[0].confidence)
        scope.append(1.0 - opinion.out_of_scope)
    figures = scores(test, Said(said, np.array(confidences), np.array(scope)))
    return figures | {"scoring_ms": statistics.median(taken) * 1000, "fit_s": fit_s}


# --- what it is compared with


def centroid(examples: list[Message], test: list[Message], vectors: dict[str, Floats]) -> Said:
    """The domain whose examples' mean is nearest."""
    names = sorted({example.domain or "" for example in examples})
    means = [np.mean([vectors[one.text] for one in examples if one.domain == name], axis=0) for name in names]
    centres = np.stack([mean / np.linalg.norm(mean) for mean in means])
    return of_likeness(names, np.stack([vectors[message.text] for message in test]) @ centres.T)


def nearest_five(examples: list[Message], test: list[Message], vectors: dict[str, Floats]) -> Said:
    """The domain that most of the five nearest examples have, weighted by cosine."""
    names = sorted({example.domain or "" for example in examples})
    owners = np.array([names.index(example.domain or "") for example in examples])
    cosines = (
        np.stack([vectors[message.text] for message in test]) @ np.stack([vectors[one.text] for one in examples]).T
    )
    votes = np.zeros((len(test), len(names)))
    for row, nearest in enumerate(np.argsort(-cosines, axis=1)[:, :5]):
        np.add.at(votes[row], owners[nearest], cosines[row, nearest] / 5)
    return of_likeness(names, votes)


def words_and_line(examples: list[Message], test: list[Message], vectors: dict[str, Floats]) -> Said:
    """Logistic regression of the domains on TF-IDF of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=30))
    pipeline.fit([example.text for example in examples], [example.domain or "" for example in examples])
    return of_likeness(list(pipeline.classes_), pipeline.predict_proba([message.text for message in test]))


BASELINES: dict[str, Callable[[list[Message], list[Message], dict[str, Floats]], Said]] = {
    "centroid": centroid,
    "kNN-5": nearest_five,
    "TF-IDF linear": words_and_line,
}


def of_likeness(names: list[str], likeness: Floats) -> Said:
    best = likeness.max(1)
    return Said([names[place] for place in likeness.argmax(1)], np.clip(best, 0, 1), best)


# --- figures


def scores(test: list[Message], said: Said) -> dict[str, float]:
    """Give accuracy, AUROC, false positives at 95 % of those in scope, and the expected calibration error."""
    inside = np.array([message.domain is not None for message in test])
    right = np.array([message.domain == domain for message, domain in zip(test, said.domains, strict=True)])
    return msgspec.structs.asdict(
        measures(Columns(inside, right, np.asarray(said.confidences, np.float64), np.asarray(said.scope, np.float64)))
    )


def print_row(row: str, router: str, mean: dict[str, float]) -> None:
    figures = (f"{mean[key]:>8.3f}" if key in mean else " " * 8 for key in HEADS.values())
    print(f"{row:<18}{router:<18}", *figures, flush=True)


# --- data


def read(file: Path) -> list[Message]:
    rows = (json.loads(line) for line in file.read_text("utf-8").splitlines())
    return [Message(row["text"], row["domain"], row["intent"]) for row in rows]


def sample(train: list[Message], number: int, by: str, seed: int) -> list[Message]:
    """Take so many messages of each intent or domain."""
    order = np.random.default_rng(seed).permutation(len(train))
    taken: dict[str, list[Message]] = {}
    for place in order:
        message = train[place]
        if message.domain is not None and len(group := taken.setdefault(getattr(message, by), [])) < number:
            group.append(message)
    return [message for name in sorted(taken) for message in taken[name]]


def described() -> list[Message]:
    return [
        Message(text, domain, None)
        for domain, (description, phrases) in DESCRIBED.items()
        for text in (description, *phrases)
    ]


async def fill(vectors: dict[str, Floats], embedder: Embedder, texts: Sequence[str]) -> None:
    missing = [text for text in dict.fromkeys(texts) if text not in vectors]
    for start in range(0, len(missing), 256):
        part = missing[start : start + 256]
        vectors |= dict(zip(part, await embedder.embed(part), strict=True))


async def time_embedding(embedder: Embedder) -> float:
    """Give the milliseconds that a short message's vector takes, from the small copy of the model once there is one."""
    await embedder.embed([SHORT])
    deadline = time.monotonic() + COPY_SECONDS
    while embedder.query_fingerprint == embedder.fingerprint:  # nothing but the name tells of it
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    taken = []
    for number in range(60):
        began = time.perf_counter()
        await embedder.embed([f"{SHORT} {number}"])
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[10:]) * 1000


if __name__ == "__main__":
    main()
