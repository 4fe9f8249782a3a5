"""What stands on the pages that are photographed: a small team, its documents, and conversations that were had with it.

The engine is scripted: what it says is written here, so that pictures show the pages and not what a model happens to
say. Routing, search, tools and everything else are the server's own work.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from mdsa_server.embedded_ollama.request_body import RequestBody
from mdsa_server.settings import Settings
from tests.fakes.script import Breaks, Calls, ScriptedModel, Step
from tests.fakes.scripted_ollama import ScriptedOllama
from tests.serving import RunningServer, running

GIGABYTE = 1_000_000_000
MODELS = ("llama3.2:3b", "qwen2.5-coder:3b", "smollm2:1.7b")
DOMAINS: dict[str, Any] = {
    "general": {
        "description": "Everyday questions, explanations, writing and conversation about anything.",
        "examples": [
            "What is the difference between weather and climate?",
            "Give me five ideas for a rainy weekend with children",
            "Help me word a polite complaint about a late delivery",
            "How much is 15% of 80?",
            "What time is it in Tokyo?",
        ],
        "tools": ["now", "days_between", "add_days", "calculate"],
        "model": MODELS[0],
    },
    "code": {
        "description": "Programming: writing, explaining and mending code, in any language.",
        "examples": [
            "Write a Python function that removes duplicates from a list",
            "Why does my loop never end?",
            "What does a compiler do?",
            "Explain what this regular expression matches",
            "How do I undo the last commit in git?",
        ],
        "keywords": ["python", "function", "git"],
        "model": MODELS[1],
    },
    "workshop": {
        "description": "The pumps and stoves in our workshop: care, faults and spare parts, from their manuals.",
        "examples": [
            "How often is the bearing of the pump oiled?",
            "The stove smokes, what should I check?",
            "Which seal fits the small pump?",
            "What pressure does the pump hold?",
        ],
        "keywords": ["pump", "stove", "bearing"],
        "collections": ["manuals", "parts"],
        "tools": ["search_documents", "calculate", "add_reminder"],
        "model": MODELS[0],
    },
    "kitchen": {
        "description": "Cooking: recipes, techniques and what can take the place of what.",
        "examples": [
            "How long do I boil an egg?",
            "What can I use instead of butter in a cake?",
            "What should I cook with rice, eggs and spinach?",
        ],
        "collections": ["recipes"],
        "model": MODELS[2],
    },
}
REMINDERS = '''\
"""Reminders on the workshop's board."""

from mdsa_server.plugin_api import Tool, hookimpl


@hookimpl
def register_tools(context):
    return [Tool(add_reminder, effects=True)]


def add_reminder(text: str, day: str) -> str:
    """Put a reminder on the workshop's board."""
    return f"on the board for {day}: {text}"
'''
CARE = "Oil the bearing every week with ten drops of thin oil. After 500 hours of work, change the seal and the oil."
DOCUMENTS = {
    "manuals": {
        "pump.md": f"# The pump P 200\n\nIt lifts 40 litres a minute from a depth of 7 metres.\n\n## Care\n\n{CARE}\n\n"
        "## Pressure\n\nThe pump holds 6 bar. Above 7 bar the valve opens; let a fitter see to a valve that drips.\n\n"
        "## When it does not start\n\nSee that the fuse is whole and that the pump is filled with water. A pump that "
        "hums and does not turn is blocked: switch it off, open the lid, and turn the wheel by hand.\n",
        "small-pump.md": "# The pump P 50\n\nIt lifts 12 litres a minute.\n\n## Care\n\nIts bearing is closed, needing "
        "no oil. Clean the filter every month.\n\n## Seals\n\nThe seal S 12 fits the P 50, and no other does.\n",
        "stove.html": "<h1>The stove K 3</h1><h2>Smoke in the room</h2><p>Open the flap, sweep the chimney, and see "
        "that the wood is dry: fresh wood smokes.</p><h2>Ash</h2><p>Empty the ash pan when it is half full.</p>",
        "notes.txt": "In spring the pump is filled before it is switched on. The key of the shed is with Ann.\n",
    },
    "parts": {
        "seals.csv": "part,fits,price\nS 12,P 50,4.20\nS 20,P 200,6.90\nO-ring 8,all,0.40\n",
        "bearings.csv": "part,fits,price\nB 7,P 200,18.00\nB 7 closed,P 50,21.50\n",
    },
    "recipes": {
        "bread.md": "# Bread\n\nKnead 500 g of flour, 350 g of water, 10 g of salt and a little yeast. Let it rise "
        "over night, and bake it for 45 minutes at 230 degrees.\n",
        "lentils.md": "# Lentil soup\n\nFry an onion and two carrots, add 300 g of lentils and a litre of water, and "
        "let it simmer for half an hour. Vinegar at the end.\n",
    },
}
CODE = """\
A set remembers what has been seen, and the list keeps the order:

```python
from collections.abc import Hashable, Iterable


def unique[T: Hashable](items: Iterable[T]) -> list[T]:
    \"\"\"Give each item once, where it first stood.\"\"\"
    seen: set[T] = set()
    # `add` gives None, so `or` goes on to it only for what is new.
    return [item for item in items if not (item in seen or seen.add(item))]


print(unique([3, 1, 3, "a", "a", 2.5]))  # [3, 1, 'a', 2.5]
```

From Python 3.7 on, `dict.fromkeys` does the same in one line, since a dict keeps its order:

```python
unique = list(dict.fromkeys(items))
```

| way | keeps the order | needs |
|---|---|---|
| `set(items)` | no | hashable items |
| `dict.fromkeys(items)` | yes | hashable items |
| a loop with `in` | yes | nothing, but it is slow for long lists |
"""


class Called(NamedTuple):
    """An answer that calls tools first."""

    calls: Sequence[Step]
    told: Sequence[Step]


ANSWERS: dict[str, Sequence[Step] | Called] = {
    "weather": (
        "**Weather** is what the sky does today; **climate** is what it usually does.\n\n- Weather changes within "
        "hours.\n- Climate is the mean of thirty years or more.\n\nOne cold week says little about the climate.",
    ),
    "duplicates": (CODE,),
    "undo the last": (
        "Keep the changes and take back the commit:\n\n```sh\ngit reset --soft HEAD~1\n```\n\nIf it was pushed, "
        "`git revert HEAD` writes a new commit that undoes it.",
    ),
    "oiled": (
        "Oil the bearing of the P 200 **every week**, with ten drops of thin oil [1]. The P 50 has a closed bearing, "
        "which needs none [2].",
    ),
    "pressure": ("The pump holds **6 bar**; above 7 bar its valve opens [1].",),
    "remind": Called(
        [Calls("add_reminder", {"text": "Change the seal of the P 200", "day": "2026-03-02"})],
        ["Done: it is on the board for 2 March."],
    ),
    "20 seals": Called(
        [Calls("calculate", {"expression": "20 * 6.90 + 2 * 18"}), Calls("calculate", {"expression": "174.00 EUR"})],
        ["Twenty seals S 20 and two bearings B 7 cost **174.00** in all."],
    ),
    "days until": Called(
        [Calls("days_between", {"start": "2026-01-12", "end": "2026-03-02"})],
        ["There are 49 days from 12 January to 2 March."],
    ),
    "smokes": ("Check three things, in this order: the flap is open, the wood is dry, and the chimney is swept [1].",),
    "boil an egg": ("Six minutes for a soft one, nine for a hard one; start the clock when the water boils again.",),
    "instead of butter": ("Oil, about three", Breaks("llama runner process has terminated: exit status 2")),
    "compiler": (
        "It reads a program in one language and writes the same program in another, mostly in the machine’s own.",
    ),
    "complaint": (
        "> Dear Sir or Madam,\n>\n> my order of 3 March has not arrived. Please tell me when I may expect it.\n>\n> "
        "Yours faithfully",
    ),
}
CONVERSATIONS: Sequence[Sequence[str]] = (
    ("What is the difference between weather and climate?", "How many days until 2 March, from 12 January?"),
    ("Help me word a polite complaint about a late delivery",),
    ("How long do I boil an egg?", "What can I use instead of butter in a cake?"),
    ("The stove smokes, what should I check?",),
    ("What does a compiler do?", "How do I undo the last commit in git?"),
    (
        "What do 20 seals S 20 and two bearings of the pump P 200 cost?",
        "Please remind me to change the seal on 2 March",
    ),
    ("How often is the bearing of the pump oiled?", "And what pressure does the pump hold?"),
    ("Write a Python function that removes duplicates from a list and keeps its order",),
)


def says(asked: RequestBody) -> Sequence[Step]:
    """Choose an answer by what a person's last message has in it, and tell it word by word, as a model would."""
    message = next(str(one["content"]) for one in reversed(asked.messages) if one["role"] == "user")
    steps = next((answer for part, answer in ANSWERS.items() if part in message), ("I do not know.",))
    if isinstance(steps, Called):
        steps = steps.told if asked.messages[-1]["role"] == "tool" else steps.calls
    return [part for step in steps for part in (re.findall(r"\s*\S+", step) if isinstance(step, str) else [step])]


@asynccontextmanager
async def pictured_server(folder: Path) -> AsyncIterator[RunningServer]:
    """Serve a team with its documents and its conversations, from `folder`."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "reminders.py").write_text(REMINDERS, "utf-8")
    models = [ScriptedModel(name=name, says=says, token_seconds=0.02, size=2 * GIGABYTE) for name in MODELS]
    async with ScriptedOllama(*models, version="0.12.6") as engine, running(_settings(folder, engine.url)) as server:
        await _take_in(server)
        for messages in CONVERSATIONS:
            await _converse(server, messages)
        yield server


def _settings(folder: Path, engine: str) -> Settings:
    return Settings.model_validate(
        {
            "store": {"path": str(folder / "data")},
            "engine": {"url": engine, "default_model": MODELS[0]},
            "server": {"shutdown_seconds": 0.5},
            "plugin_host": {"directories": [str(folder / "plugins")]},
            "domains": DOMAINS,
        }
    )


async def _take_in(server: RunningServer) -> None:
    for collection, documents in DOCUMENTS.items():
        files = [("files", (name, text.encode())) for name, text in documents.items()]
        answer = await server.client.post(
            "/api/documents/upload", files=files, data={"collection": collection}, timeout=300
        )
        answer.raise_for_status()


async def _converse(server: RunningServer, messages: Sequence[str]) -> None:
    """Say one message after the other; a call that waits for a yes is let wait."""
    conversation = None
    for message in messages:
        said = {"message": message} | ({"conversation": conversation} if conversation else {})
        answer = await server.client.post("/api/chat", json=said | {"on_tie": "best"}, timeout=120)
        if answer.is_success:
            told = answer.json()
            conversation = (told if answer.status_code == HTTPStatus.ACCEPTED else told["turn"])["conversation"]
