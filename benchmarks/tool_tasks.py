"""Sixty messages that each need one call of one of twelve tools, and twenty that need none."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from msgspec import Meta

from mdsa_server.plugin_api import Tool


def time_now(zone: Annotated[str, Meta(description="City or IANA time zone, such as Tokyo")]) -> str:
    """Tell the current time and date in a city or time zone."""
    return zone


def days_between(start: date, end: date) -> str:
    """Count the days from one date to another."""
    return f"{start} {end}"


def add_days(start: date, days: int) -> str:
    """Give the date that is some number of days after a date."""
    return f"{start} {days}"


def calculate(expression: Annotated[str, Meta(description="Such as (17.5 - 3) * 4")]) -> str:
    """Calculate an arithmetic expression: plus, minus, times, divided by, powers, percent."""
    return expression


def weather(city: str) -> str:
    """Tell the weather forecast of a city: temperature, rain, wind."""
    return city


def convert_currency(amount: float, source: str, target: str) -> str:
    """Convert an amount of money from one currency to another, such as euros to dollars."""
    return f"{amount} {source} {target}"


def translate(text: str, language: Annotated[str, Meta(description="Language to translate into")]) -> str:
    """Translate a text into another language."""
    return f"{text} {language}"


def set_timer(minutes: int) -> str:
    """Set a timer or alarm that rings after some minutes."""
    return str(minutes)


def send_mail(to: Annotated[str, Meta(description="E-mail address")], subject: str) -> str:
    """Send an e-mail message to an address, with a subject."""
    return f"{to} {subject}"


def fetch_page(url: str) -> str:
    """Fetch a web page by its URL and give its text."""
    return url


def search_documents(query: str) -> str:
    """Search the company's manuals and documents for a topic."""
    return query


def play_music(artist: str) -> str:
    """Play songs, music of an artist or band."""
    return artist


FUNCTIONS = (
    time_now,
    days_between,
    add_days,
    calculate,
    weather,
    convert_currency,
    translate,
    set_timer,
    send_mail,
    fetch_page,
    search_documents,
    play_music,
)
TOOLS = tuple(Tool(function) for function in FUNCTIONS)


@dataclass(frozen=True)
class Task:
    """A message, the tool it needs, and the arguments that are right."""

    message: str
    tool: str | None
    arguments: dict[str, Any]

    def right(self, arguments: dict[str, Any]) -> bool:
        """Whether arguments say the same: texts in any case, sums by their value, searches by their words."""
        return arguments.keys() == self.arguments.keys() and all(
            _same(name, arguments[name], wanted) for name, wanted in self.arguments.items()
        )


def _same(name: str, given: Any, wanted: Any) -> bool:
    if name == "expression":
        return _value(str(given)) == _value(wanted)
    if name in ("query", "subject", "text"):
        return set(_words(wanted)) <= set(_words(str(given)))
    if isinstance(wanted, float | int):
        return _number(given) == wanted
    return _plain(str(given)) == _plain(str(wanted))


def _value(expression: str) -> Fraction | None:
    """Give what a sum of the tasks' kind comes to; None where it is none."""
    text = expression.replace("^", "**").replace("×", "*").replace(",", "")
    if not re.fullmatch(r"[0-9.+*/()% -]{1,60}", text) or re.search(r"\*\*\s*[0-9]{3}", text):
        return None
    text = re.sub(r"([0-9.]+)\s*%", r"(\1/100)", text)
    text = re.sub(r"[0-9]+(?:\.[0-9]+)?", lambda number: f"Fraction('{number[0]}')", text)
    try:
        return Fraction(eval(text, {"__builtins__": {}, "Fraction": Fraction}))  # digits and signs alone, see above
    except (SyntaxError, TypeError, ZeroDivisionError):
        return None


def _number(given: Any) -> float | None:
    try:
        return float(given)
    except (TypeError, ValueError):
        return None


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _plain(text: str) -> str:
    place = text.casefold().rpartition("/")[2].strip(" .,!?")
    return re.sub(r"[\s_]+", " ", place)


def _tasks(tool: str, named: Callable[..., dict[str, Any]], *cases: tuple[Any, ...]) -> list[Task]:
    return [Task(message, tool, named(*values)) for message, *values in cases]


TASKS: tuple[Task, ...] = (
    *_tasks(
        "time_now",
        lambda zone: {"zone": zone},
        ("What time is it in Tokyo?", "Tokyo"),
        ("Tell me the current time in Lisbon", "Lisbon"),
        ("what's the time in Sydney right now", "Sydney"),
        ("Which date is it today in Auckland?", "Auckland"),
        ("I want to call my aunt in Toronto, how late is it there?", "Toronto"),
    ),
    *_tasks(
        "days_between",
        lambda start, end: {"start": start, "end": end},
        ("How many days are there from 2024-03-01 to 2024-05-15?", "2024-03-01", "2024-05-15"),
        ("Count the days between 2025-01-01 and 2025-12-24", "2025-01-01", "2025-12-24"),
        ("days from 2023-06-30 until 2023-09-01 please", "2023-06-30", "2023-09-01"),
        ("We met on 2019-04-12 and married on 2022-08-20. How many days lie between?", "2019-04-12", "2022-08-20"),
        ("How long is it in days from 2026-02-10 to 2026-03-10?", "2026-02-10", "2026-03-10"),
    ),
    *_tasks(
        "add_days",
        lambda start, days: {"start": start, "days": days},
        ("What date is 45 days after 2024-03-01?", "2024-03-01", 45),
        ("Which date comes 100 days after 2025-01-01?", "2025-01-01", 100),
        ("The invoice is of 2024-11-20 and is due 30 days later. What date is that?", "2024-11-20", 30),
        ("Add 14 days to 2023-12-25", "2023-12-25", 14),
        ("What day do I get 7 days after 2026-06-01?", "2026-06-01", 7),
    ),
    *_tasks(
        "calculate",
        lambda expression: {"expression": expression},
        ("What is 12 * 7?", "12 * 7"),
        ("Calculate (14 + 6) / 4", "(14 + 6) / 4"),
        ("how much is 1234 + 5678", "1234 + 5678"),
        ("Compute 2 ** 10", "2 ** 10"),
        ("What is 99.5 - 12.25?", "99.5 - 12.25"),
    ),
    *_tasks(
        "weather",
        lambda city: {"city": city},
        ("Will it rain in Bergen tomorrow?", "Bergen"),
        ("What is the weather like in Madrid?", "Madrid"),
        ("Do I need a coat in Chicago today?", "Chicago"),
        ("How warm is it in Nairobi?", "Nairobi"),
        ("weather forecast for Naples", "Naples"),
    ),
    *_tasks(
        "convert_currency",
        lambda amount, source, target: {"amount": amount, "source": source, "target": target},
        ("Convert 50 euros to dollars", 50, "euros", "dollars"),
        ("How much is 200 USD in JPY?", 200, "USD", "JPY"),
        ("What are 75 pounds in francs?", 75, "pounds", "francs"),
        ("change 1000 pesos into euros", 1000, "pesos", "euros"),
        ("I have 30 dollars, how many yen is that?", 30, "dollars", "yen"),
    ),
    *_tasks(
        "translate",
        lambda text, language: {"text": text, "language": language},
        ("Translate 'good morning' into French", "good morning", "French"),
        ("How do you say 'where is the station' in Italian?", "where is the station", "Italian"),
        ("Translate the word 'bridge' to German", "bridge", "German"),
        ("What is 'thank you very much' in Japanese?", "thank you very much", "Japanese"),
        ("Put 'the soup is cold' into Spanish", "the soup is cold", "Spanish"),
    ),
    *_tasks(
        "set_timer",
        lambda minutes: {"minutes": minutes},
        ("Set a timer for 10 minutes", 10),
        ("Wake me in 25 minutes", 25),
        ("Remind me in 5 minutes to turn off the oven", 5),
        ("start a 90 minute timer", 90),
        ("Let an alarm ring in 40 minutes", 40),
    ),
    *_tasks(
        "send_mail",
        lambda to, subject: {"to": to, "subject": subject},
        ("Send an e-mail to ana@example.org with the subject Lunch", "ana@example.org", "Lunch"),
        ("Mail bo@example.com about the budget", "bo@example.com", "budget"),
        ("Write to team@example.net, subject: Meeting moved", "team@example.net", "Meeting moved"),
        ("Send a message to kim@example.org with subject Holiday plans", "kim@example.org", "Holiday plans"),
        ("e-mail office@example.com, subject Broken lamp", "office@example.com", "Broken lamp"),
    ),
    *_tasks(
        "fetch_page",
        lambda url: {"url": url},
        ("What does https://example.org/news say?", "https://example.org/news"),
        ("Read the page http://example.com/about for me", "http://example.com/about"),
        ("Summarise https://example.net/report.html", "https://example.net/report.html"),
        ("Open https://example.org/prices and tell me what a ticket costs", "https://example.org/prices"),
        ("fetch https://example.com", "https://example.com"),
    ),
    *_tasks(
        "search_documents",
        lambda query: {"query": query},
        ("Search the manuals for oil change", "oil change"),
        ("What do our documents say about parental leave?", "parental leave"),
        ("Find the chapter on fire safety in the company handbook", "fire safety"),
        ("Look up warranty in our documents", "warranty"),
        ("Is there anything on travel expenses in the manuals?", "travel expenses"),
    ),
    *_tasks(
        "play_music",
        lambda artist: {"artist": artist},
        ("Play something by Miles Davis", "Miles Davis"),
        ("I want to hear Björk", "Björk"),
        ("put on some music by the Beatles", "the Beatles"),
        ("Play songs of Nina Simone", "Nina Simone"),
        ("Let me listen to Mozart", "Mozart"),
    ),
)

UNNEEDED: tuple[Task, ...] = tuple(
    Task(message, None, {})
    for message in (
        "Hello, how are you?",
        "What is the capital of Portugal?",
        "Tell me a joke",
        "Who wrote Hamlet?",
        "Explain how a vaccine works in simple words",
        "Write a short poem about autumn",
        "Thank you, that helped!",
        "What is the difference between a list and a tuple in Python?",
        "Give me three names for a cat",
        "Why is the sky blue?",
        "How do I boil an egg?",
        "What is a good way to learn the guitar?",
        "Can you help me?",
        "Who was the first person on the Moon?",
        "What does the word serendipity mean?",
        "Suggest a title for my story about a lighthouse",
        "How do plants make sugar?",
        "Is a tomato a fruit?",
        "What should I cook with rice and spinach?",
        "Tell me about the Roman Empire",
    )
)
