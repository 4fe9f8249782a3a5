"""How long the pages take with 100,000 turns stored, and a conversation of 500.

usage: python -m benchmarks.pages [--json] [--turns N] [--rounds N]

The turns are stored as a server stores them, by its own rooms, with routes, passages and answers of a usual length, in
conversations of twenty, and one of 500. A server in a process of its own then answers for each page, one request after
the other on one connection that stays open; told are the median of the rounds and their 95th percentile. The time is
the client's, so that what HTTP takes is in it. Beside each page stands what it takes where the long conversation alone
was stored, in the same run: the ratio tells what the history costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import aiohttp

from benchmarks.overhead import engine_process, server_process
from mdsa_server.store.conversations import Conversations
from mdsa_server.store.data_folder import DATABASE_FILE
from mdsa_server.store.database import Database
from mdsa_server.store.turn_log import TurnLog
from mdsa_server.vocabulary.events import (
    PassagesFound,
    PromptAssembled,
    RouteChosen,
    Token,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from mdsa_server.vocabulary.passages import GivenPassage, Passage
from mdsa_server.vocabulary.routing import Candidate, Evidence, Route
from mdsa_server.vocabulary.turn import Ledger, Timings, Turn, Usage

OWNER = "local"
LONG_CONVERSATION = 500
USUAL_CONVERSATION = 20
WARMING = 3
WORDS = [
    *("pump", "valve", "turbine", "oil", "pressure", "filter", "bearing", "wing", "flow", "heat", "plate", "shock"),
    *(
        "python",
        "function",
        "list",
        "tuple",
        "index",
        "loop",
        "invoice",
        "refund",
        "account",
        "order",
        "train",
        "ticket",
    ),
    *("how", "what", "when", "why", "should", "the", "a", "of", "in", "on", "with", "before", "after", "under", "and"),
]


class Stored(NamedTuple):
    """What the addresses of pages are made of."""

    conversation: str
    """The longest one."""
    turn: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    few = measured(LONG_CONVERSATION, options.rounds)
    many = measured(options.turns, options.rounds)
    print(f"{'page':<34}{'p50 ms':>9}{'p95 ms':>9}{'with few':>10}{'ratio':>8}")
    for page, times in many.items():
        p50, without = statistics.median(times), statistics.median(few[page])
        print(f"{page:<34}{p50:>9.1f}{percentile(times, 95):>9.1f}{without:>10.1f}{p50 / without:>8.2f}")
    middle = {page: statistics.median(times) for page, times in many.items()}
    conversation = middle.pop("/chat/CONVERSATION")
    fragments = {page: middle.pop(page) for page in FRAGMENTS}
    slowest = max(middle, key=lambda page: middle[page])
    if options.json:
        figures = {
            "slowest_page_ms": middle[slowest],
            "slowest_page": slowest,
            "slowest_fragment_ms": max(fragments.values()),
            "conversation_500_ms": conversation,
        }
        print(
            json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in figures.items()})
        )


def measured(turns: int, rounds: int) -> dict[str, list[float]]:
    """Store so many turns, and give the milliseconds that each page takes."""
    with tempfile.TemporaryDirectory(prefix="mdsa-pages-") as name:
        folder = Path(name)
        data = folder / "mdsa-data"
        data.mkdir()
        stored = asyncio.run(store(data / DATABASE_FILE, turns))
        with engine_process(40, 0.0) as engine, server_process(folder, engine) as server:
            return asyncio.run(asked(server, stored, rounds))


async def asked(server: str, stored: Stored, rounds: int) -> dict[str, list[float]]:
    """Ask for each page so often, the pages by turns."""
    times: dict[str, list[float]] = {page: [] for page in (*PAGES, *FRAGMENTS)}
    async with aiohttp.ClientSession(server) as session:
        for number in range(WARMING + rounds):
            for page in times:
                address = page.replace("CONVERSATION", stored.conversation).replace("TURN", stored.turn)
                began = time.perf_counter()
                async with session.get(address) as response:
                    await response.read()
                    if response.status != 200:
                        raise RuntimeError(f"{address} answered {response.status}")
                if number >= WARMING:
                    times[page].append((time.perf_counter() - began) * 1000)
    return times


PAGES = (
    "/",
    "/chat",
    "/chat/CONVERSATION",
    "/monitor",
    "/turns",
    "/turns?query=valve+turbine",
    "/turns?query=nothing+has+this",
    "/turns?outcome=failed",
    "/turns/TURN",
    "/domains",
    "/domains?message=fix+this+python+function",
    "/documents",
    "/tools",
    "/plugins",
    "/configuration",
    "/routes/review",
)
"""What is asked for; the capitals stand for what was stored."""

FRAGMENTS = ("/chat/conversations?query=valve", "/chat/conversations?query=nothing+has+this")
"""Parts that a page asks for: a search of conversations for a word that stands in every third turn, and for none."""


# --- what is stored


async def store(file: Path, turns: int) -> Stored:
    """Store a long conversation, and others until there are so many turns; each as a server does it."""
    chance = random.Random(7)
    database = await Database.open(file)
    try:
        conversations, log = Conversations(database), TurnLog(database, keep=turns)
        left, stored = turns, None
        while left > 0:
            length = min(left, USUAL_CONVERSATION if stored else LONG_CONVERSATION)
            conversation = await a_conversation(conversations, log, length, chance)
            stored = stored or conversation
            left -= length
    finally:
        await database.close()
    if stored is None:
        raise ValueError("at least one turn is stored")
    return stored


async def a_conversation(conversations: Conversations, log: TurnLog, turns: int, chance: random.Random) -> Stored:
    conversation, turn = None, None
    for _ in range(turns):
        turn = await conversations.begin_turn(OWNER, conversation, said(chance, 4, 20))
        conversation = turn.conversation
        await log.finish(turn, told(turn, chance))
    if turn is None:
        raise ValueError("a conversation has a turn")
    return Stored(turn.conversation, turn.id)


def said(chance: random.Random, least: int, most: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(least, most)))


def told(turn: Turn, chance: random.Random) -> list[TurnEvent]:
    """Tell a turn of a usual kind."""
    domain = chance.choice(("code", "general"))
    confidence = chance.uniform(0.5, 1)
    route = Route(
        domain=domain,
        confidence=confidence,
        router="keyword_router",
        candidates=(Candidate(domain, confidence, "keyword_router"), Candidate("general", 1 - confidence)),
        evidence=tuple(Evidence("keyword", said(chance, 1, 3), domain, 0.5) for _ in range(4)),
        seconds=0.004,
    )
    passages = tuple(
        Passage(text=said(chance, 60, 90), source=f"manual-{number}.md", title="A manual", scores={"fusion": 0.03})
        for number in range(3)
    )
    ledger = Ledger(context=4096, instructions=60, history=200, passages=400, question=20, reserve=512)
    given = tuple(GivenPassage(number=number) for number in range(1, 4))
    first, total = chance.uniform(0.1, 1), chance.uniform(1, 9)
    return [
        TurnStarted(at=0.0, turn=turn.id, conversation=turn.conversation),
        RouteChosen(at=0.004, route=route),
        PassagesFound(at=0.02, passages=passages),
        PromptAssembled(at=0.03, model="scripted:1b", ledger=ledger, passages=given),
        Token(at=first, text="\n\n".join(said(chance, 20, 60).capitalize() + " [1]." for _ in range(3))),
        TurnFinished(
            at=total,
            usage=Usage(prompt_tokens=700, answer_tokens=150),
            timings=Timings(total=total, first_token=first, route=0.004),
            reason="stop",
        ),
    ]


def percentile(values: list[float], percent: int) -> float:
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)]


if __name__ == "__main__":
    main()
