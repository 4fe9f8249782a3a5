"""What finding turns takes, and opening a long conversation, where very many are stored.

usage: python -m benchmarks.finding_turns [--json] [--turns N] [--rounds N]

The words of messages and answers are drawn as words are in a language, a few of them very often (Zipf); each turn has
a hundred. Every figure is the best of the rounds: what the work itself takes.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from mdsa_server.store.conversations import Conversations
from mdsa_server.store.database import Connection, Database
from mdsa_server.store.turn_log import TurnLog

TURNS_IN_ONE = 10
LONG = 500
WORDS = 20_000
FRAME = (
    b'[{"type":"turn_started","at":0,"turn":"t","conversation":"c"},%b{"type":"turn_finished","at":1.5,"usage":null,'
)
EVENTS = (FRAME + b'"timings":{"total":1.5},"reason":"stop"}]') % (
    b'{"type":"passages_found","at":0.1,"passages":[{"text":"%b","source":"a.md"}]},' % (b"x" * 8_000)
)


def fill(db: Connection, turns: int) -> None:
    """Store conversations of ten turns, the first of which is another owner's, and one of 500."""
    draw = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["the", "python", *(f"{draw.choice(letters)}{draw.choice(letters)}{n:05}" for n in range(WORDS))]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    lengths = [LONG] + [TURNS_IN_ONE] * ((turns - LONG) // TURNS_IN_ONE)
    for number, length in enumerate(lengths):
        home, owner = f"c{number:06}", "few" if number == 1 else "local"
        db.execute(
            "insert into conversations (id, owner, title, created, updated) values (?, ?, ?, ?, ?)",
            (home, owner, " ".join(draw.choices(words, weights, k=5)), number, number),
        )
        parent = None
        for place in range(length):
            said = draw.choices(words, weights, k=100)
            turn = f"t{number:06}-{place:03}"
            outcome = "failed" if draw.random() < 0.02 else "answered"
            domain = draw.choice(("general", "code", "handbook"))
            db.execute(
                "insert into turns (id, conversation, owner, parent, started, outcome, message, answer, domain, events)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (turn, home, owner, parent, number, outcome, " ".join(said[:15]), " ".join(said[15:]), domain, EVENTS),
            )
            parent = turn
        db.execute("update conversations set current = ? where id = ?", (parent, home))


async def best(rounds: int, work: Callable[[], Awaitable[object]]) -> float:
    """Give the milliseconds of the quickest of several rounds."""
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        await work()
        spent.append(time.perf_counter() - began)
    return min(spent) * 1000


async def measure(turns: int, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder) / "mdsa.sqlite3")
        try:
            await database.write(lambda db: fill(db, turns))
            log, conversations = TurnLog(database, keep=turns), Conversations(database)
            works: dict[str, Callable[[], Awaitable[object]]] = {
                "the newest 50": lambda: log.find("local"),
                "those that failed": lambda: log.find("local", outcome="failed"),
                "those that failed in one domain": lambda: log.find("local", outcome="failed", domain="code"),
                "a word that is everywhere": lambda: log.find("local", query="the"),
                "one letter, the beginning of many": lambda: log.find("local", query="a"),
                "two words": lambda: log.find("local", query="python aa"),
                "a rare word": lambda: log.find("local", query="zz1"),
                "a word that is everywhere, in a domain that never answered": lambda: log.find(
                    "local", query="the", domain="nowhere"
                ),
                "the domains that have answered": lambda: log.domains("local"),
                "the newest of an owner of ten": lambda: log.find("few"),
                "a word that is everywhere, of an owner of ten": lambda: log.find("few", query="the"),
                "conversations with a word that is everywhere": lambda: conversations.find("local", query="the"),
                "conversations with a rare word": lambda: conversations.find("local", query="zz1"),
                "the last 50 of 500 turns": lambda: conversations.read("local", "c000000", limit=50),
                "all of 500 turns": lambda: conversations.read("local", "c000000"),
            }
            return {name: await best(rounds, work) for name, work in works.items()}
        finally:
            await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    figures = asyncio.run(measure(options.turns, options.rounds))
    for name, spent in figures.items():
        print(f"{name:<60} {spent:8.1f} ms")
    if options.json:
        print(json.dumps({"turns": options.turns, "ms": figures}))


if __name__ == "__main__":
    main()
