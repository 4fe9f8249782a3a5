"""A tool that calculates exactly: nothing is run as code, and no number grows without bound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from typing import Annotated

from msgspec import Meta

from mdsa_server.plugin_api import PluginContext, Tool, ToolRefused, ToolSource, hookimpl

LONGEST_CHARS = 500
DEEPEST_BRACKETS = 50
MOST_DIGITS = 1000
MOST_BITS = 3322
"""As many bits as hold MOST_DIGITS digits."""
EXACT_DECIMALS = 30
ROUGH_DIGITS = 12

TOKEN = re.compile(
    r"\s*(?:(?P<number>[0-9.][0-9.,_]*(?:e[+-]?[0-9]+)?)|(?P<sign>\*\*|//|of\b|mod\b|[-+*/%()]))", re.IGNORECASE
)
NUMBER = re.compile(r"(?:[0-9]+|[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?:_[0-9]{3})+))\.?[0-9]*|\.[0-9]+")
"""A number without its exponent. Commas stand only between whole groups of three digits, as people write thousands."""
SIGNED_NEXT = re.compile(r"\s*[-+][0-9.(]")
SPELLINGS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**"})
WHAT_IT_KNOWS = "Use numbers, + - * / // % ** and brackets."


@hookimpl
def register_tools(context: PluginContext) -> Iterable[ToolSource]:
    return [Tool(calculate)]


def calculate(expression: Annotated[str, Meta(description="Such as (17.5 - 3) * 4 or 15% of 80")]) -> str:
    """Calculate exactly: numbers plus, minus, multiplied, divided, percent, power.

    Signs: + - * / // (rounded down) % (remainder, or percent) ** (power) and brackets.
    """
    if len(expression) > LONGEST_CHARS:
        raise ToolRefused(f"the expression has {len(expression)} characters", f"Keep it under {LONGEST_CHARS}.")
    return in_digits(Sum(expression).value())


class Sum:
    """One expression, read from left to right. Grammar, from the weakest binding to the strongest:

    sum: product (("+" | "-") product)*      product: signed (("*" | "/" | "//" | "%" | "mod" | "of") signed)*
    signed: ("+" | "-") signed | power       power: atom "%"* ("**" signed)?       atom: number | "(" sum ")"
    """

    def __init__(self, expression: str) -> None:
        self._tokens = list(tokens_of(expression.strip().removesuffix("=")))
        self._at = 0
        self._depth = 0

    def value(self) -> Fraction:
        """Give the result. Raises ToolRefused, saying where the expression cannot be understood."""
        value = self._sum()
        if self._next:
            missing = "a bracket is closed that none opened" if self._next == ")" else "an operator is missing"
            raise ToolRefused(f"{missing}, {self._where()}", WHAT_IT_KNOWS)
        return value

    @property
    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _sum(self) -> Fraction:
        value = self._product()
        while self._next in ("+", "-"):
            value = bounded(value + self._product() if self._take() == "+" else value - self._product())
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while self._next in ("*", "/", "//", "%", "mod", "of"):
            value = bounded(combined(value, self._take(), self._signed()))
        return value

    def _signed(self) -> Fraction:
        negative = False
        while self._next in ("+", "-"):
            negative ^= self._take() == "-"
        value = self._power()
        return -value if negative else value

    def _power(self) -> Fraction:
        value = self._atom()
        while self._next == "%" and not self._begins_value(self._at + 1):
            self._take()
            value /= 100
        if self._next == "**":
            self._take()
            self._deeper()
            value = raised(value, self._signed())
            self._depth -= 1
        return value

    def _atom(self) -> Fraction:
        if self._next == "(":
            self._take()
            self._deeper()
            value = self._sum()
            self._depth -= 1
            if self._next != ")":
                raise ToolRefused(f"a bracket is not closed, {self._where()}", "Add the missing ).")
            self._take()
            return value
        if not self._begins_value(self._at):
            raise ToolRefused(f"a number is missing, {self._where()}", WHAT_IT_KNOWS)
        return number(self._take())

    def _begins_value(self, place: int) -> bool:
        return place < len(self._tokens) and self._tokens[place][0] in "0123456789.("

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST_BRACKETS:
            raise ToolRefused("the expression is nested too deeply", f"Nest at most {DEEPEST_BRACKETS} levels.")

    def _where(self) -> str:
        if not self._next:
            return "at the end of the expression"
        before = " ".join(self._tokens[max(0, self._at - 4) : self._at])
        return f"between {before!r} and {self._next!r}" if before else f"at {self._next!r}"


def tokens_of(expression: str) -> Iterator[str]:
    """Split into numbers and signs. Raises ToolRefused at the first thing that is neither."""
    text = expression.translate(SPELLINGS).rstrip()
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            word = re.match(r"\s*(\w+|\S)", text[at:])
            raise ToolRefused(f"{word[1] if word else text[at:]!r} is not known here", WHAT_IT_KNOWS)
        at = match.end()
        if match["number"]:
            yield plain_number(match["number"].lower())
        elif match["sign"] == "%" and SIGNED_NEXT.match(text, at):
            yield remainder_sign(text[: match.start("sign")])
        else:
            yield match["sign"].lower()


def plain_number(text: str) -> str:
    """Take the separators out of a number. Raises ToolRefused where they may mean something else."""
    digits = text.partition("e")[0]
    if not NUMBER.fullmatch(digits):
        mend = "Write decimals with a point, as in 0.5, and thousands without a separator, as in 1234, or as 1,234."
        raise ToolRefused(f"{text!r} is not written as a number is here", mend)
    return re.sub("[,_]", "", text)


def remainder_sign(before: str) -> str:
    """Read a % that a signed number follows: `10 % -3`. Raises ToolRefused for `10%-3`, which may mean two things."""
    if before.endswith(tuple(" \t\n")):
        return "mod"
    raise ToolRefused(
        "a % between a number and a sign may mean the remainder or percent",
        "Write 10 % (-3) for the remainder, 10% - 3 for percent less 3.",
    )


def number(text: str) -> Fraction:
    exponent = text.partition("e")[2]
    # Looked at before it is made: 1e999999999 is short to write and would fill the memory.
    if exponent and len(exponent.lstrip("+-")) > 4:
        raise too_large()
    return bounded(Fraction(text))


def combined(left: Fraction, sign: str, right: Fraction) -> Fraction:
    if sign in ("*", "of"):
        return left * right
    if right == 0:
        raise ToolRefused("division by zero", "Divide by something else.")
    if sign == "/":
        return left / right
    return Fraction(left // right) if sign == "//" else left % right


def raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        told = f" {exponent}" if size(exponent) < EXACT_DECIMALS else ""  # It may have a thousand digits.
        raise ToolRefused(f"the exponent{told} is not a whole number", "Roots cannot be exact; ask for a power.")
    if base == 0 and exponent < 0:
        raise ToolRefused("zero to a negative power is a division by zero", "Use another base.")
    # Estimated before it is made, for the same reason as a number's exponent.
    if (size(base) - 1) * abs(exponent.numerator) > MOST_BITS:
        raise too_large()
    return bounded(Fraction(base**exponent.numerator))


def size(value: Fraction) -> int:
    """Bits of the longer of numerator and denominator."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def bounded(value: Fraction) -> Fraction:
    if size(value) > MOST_BITS:
        raise too_large()
    return value


def too_large() -> ToolRefused:
    return ToolRefused(f"the numbers grow beyond {MOST_DIGITS} digits", "Ask for something smaller.")


def in_digits(value: Fraction) -> str:
    """Write a whole number or a short decimal as it is, anything else as a fraction and roughly as a decimal."""
    if value.denominator == 1:
        return str(value.numerator)
    for places in range(1, EXACT_DECIMALS + 1):
        if 10**places % value.denominator == 0:
            digits = str(abs(value.numerator) * (10**places // value.denominator)).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    rough = Context(prec=ROUGH_DIGITS).divide(Decimal(value.numerator), Decimal(value.denominator))
    return f"{value} (about {rough})" if len(str(value)) <= 2 * EXACT_DECIMALS else f"about {rough}"
