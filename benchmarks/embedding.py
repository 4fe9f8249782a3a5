"""What embedding one short message costs: this server's way, and sentence-transformers' `encode`, in one run.

usage: python -m benchmarks.embedding [--json] [--rounds N]

All use one thread, in turns, message by message; each figure is the median over all of them. Ours is measured twice:
the small copy alone, which compares with `encode`, and `Embedder.embed`, which adds the way into its thread and back.
The processor's time means the same on a busy machine. The cosines say how near the copy's vectors are to the model's,
over questions of many kinds.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mdsa_server.inference.embedder import Embedder
from mdsa_server.inference.embedding_model import Encode, Vectors, find_model, fingerprint_of, load_model
from mdsa_server.inference.query_model import name_of_copy, open_query_model
from mdsa_server.inference.query_model_export import COPY, make

Embed = Callable[[Sequence[str]], Awaitable[Vectors]]

OURS = "copy"
WARMING_UP = 3
"""Rounds that are not counted."""

MESSAGES = {
    "short": "how do I sort a list in Python",
    "middling": "I ordered a blue jacket two weeks ago and it has still not come; " * 3,
    "long": "The same thing is said over and over, so that it has to be cut somewhere. " * 40,
}
"""Of 8 words, 40 words, and as long as the model reads."""

# Put together, these are unlike each other and unlike the probes by which a copy is checked.
SUBJECTS = ("my invoice", "a Python decorator", "sore knees", "the tenancy contract", "lasagne", "quadratic equations")
QUESTIONS = (
    "what is wrong with {}?",
    "Explain {} to a child, in two sentences.",
    "i need help with {} asap",
    "Can you recommend a good book about {}?",
    "{}",
    "Write an e-mail to my colleague about {} and ask for a meeting on Thursday.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=100, help="how often the short message is embedded")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), options.rounds)
    if options.json:
        print(json.dumps(results))


def measure(copies: Path, rounds: int) -> dict[str, float]:
    results: dict[str, float] = {}
    model = find_model("auto", offline=True)
    encode = load_model(model, offline=True, threads=1)
    began = time.perf_counter()
    make(model, copies)
    results["make_s"] = time.perf_counter() - began
    file = copies / f"{name_of_copy(fingerprint_of(model))}.onnx"
    (copies / COPY).rename(file)
    began = time.perf_counter()
    copy = open_query_model(file)
    results["open_s"] = time.perf_counter() - began
    embedder = Embedder("auto", offline=True, threads=1, cache=None, copies=copies)

    async def measured() -> dict[str, dict[str, tuple[float, float]]]:
        ways: dict[str, Embed] = {OURS: within(copy), "embed": embedder.embed, "encode": within(encode)}
        tables = {
            name: await in_turns(ways, [message], rounds if name == "short" else max(5, rounds // 10))
            for name, message in MESSAGES.items()
        }
        await embedder.close()
        return tables

    print(f"{'message':<10} {'way':<8} {'ms':>8} {'processor ms':>13} {'to ours':>8}")
    for name, table in asyncio.run(measured()).items():
        for way, (wall, processor) in table.items():
            print(f"{name:<10} {way:<8} {wall:>8.2f} {processor:>13.2f} {wall / table[OURS][0]:>8.1f}")
            results |= {f"{name}_{way}_ms": wall, f"{name}_{way}_processor_ms": processor}
        results[f"{name}_ratio"] = table["encode"][0] / table[OURS][0]

    texts = [question.format(subject) for subject in SUBJECTS for question in QUESTIONS]
    cosines = np.einsum("ij,ij->i", encode(texts), copy(texts))
    results |= {"cosine_median": float(np.median(cosines)), "cosine_worst": float(cosines.min())}
    print(f"cosines of the copy with the model: {results['cosine_median']:.3f} in the median, ", end="")
    print(f"{results['cosine_worst']:.3f} at worst, of {len(texts)} texts")
    print(f"making the copy took {results['make_s']:.1f} s, opening it {results['open_s']:.2f} s")
    return {name: round(value, 4) for name, value in results.items()}


def within(encode: Encode) -> Embed:
    """Have it embed in the loop's own thread, with nothing else in between."""

    async def embed(texts: Sequence[str]) -> Vectors:
        return encode(texts)

    return embed


async def in_turns(ways: Mapping[str, Embed], texts: Sequence[str], rounds: int) -> dict[str, tuple[float, float]]:
    """Give each way's medians, in milliseconds: by the clock, and of the processor."""
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(rounds + WARMING_UP):
        for way, embed in ways.items():
            began, worked = time.perf_counter(), time.process_time()
            await embed(texts)
            taken[way].append((time.perf_counter() - began, time.process_time() - worked))
    return {way: _medians(each[WARMING_UP:]) for way, each in taken.items()}


def _medians(taken: Sequence[tuple[float, float]]) -> tuple[float, float]:
    wall, processor = (statistics.median(column) * 1000 for column in zip(*taken, strict=True))
    return wall, processor


if __name__ == "__main__":
    main()
