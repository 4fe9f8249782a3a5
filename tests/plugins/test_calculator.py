"""The calculator is exact, understands what people write, and refuses what would never end."""

import contextlib
import re
import time
from collections.abc import AsyncIterator
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdsa_server.plugin_api import ToolRefused
from mdsa_server.plugin_host.registry import PluginRegistry
from tests.plugins.first_party import opened, use


@pytest.fixture
async def registry() -> AsyncIterator[PluginRegistry]:
    async with opened("calculator") as registry:
        yield registry


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4 =", "20"),
        ("0.1 + 0.2", "0.3"),
        ("1/3 + 1/3 + 1/3", "1"),
        ("1/3", "1/3 (about 0.333333333333)"),
        ("-1/8", "-0.125"),
        ("-2**2", "-4"),
        ("2^3^2", "512"),
        ("2**-2", "0.25"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("15% of 80", "12"),
        ("50% - 10", "-9.5"),
        ("7 − 2 × 3 ÷ 2", "4"),
        ("1,234,567 + 1", "1234568"),
        ("1.5e3", "1500"),
        (".5 + 5.", "5.5"),
        ("--3", "3"),
        ("1,234", "1234"),
        ("1,234.5 * 2", "2469"),
        ("12_345 + 0", "12345"),
        ("10 % -3", "-2"),
        ("10 % +3", "1"),
        ("10 mod 3", "1"),
        ("100% - 20%", "0.8"),
        ("2**100", "1267650600228229401496703205376"),
    ],
)
async def test_the_result_is_exact(registry: PluginRegistry, expression: str, result: str) -> None:
    assert await use(registry, "calculate", expression=expression) == result


async def test_a_fraction_too_long_to_read_is_given_roughly(registry: PluginRegistry) -> None:
    told = await use(registry, "calculate", expression="1 / 7**90")
    assert told.startswith("about ")
    assert float(told.removeprefix("about ")) == pytest.approx(1 / 7**90, rel=1e-11)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "a number is missing, at the end of the expression"),
        ("2 +", "a number is missing, at the end of the expression"),
        ("2 * / 3", "a number is missing, between '2 *' and '/'"),
        ("(1 + 2", "a bracket is not closed"),
        ("1)", "a bracket is closed that none opened"),
        ("2 (3)", "an operator is missing, between '2' and '('"),
        ("1 / (2 - 2)", "division by zero"),
        ("1 % 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("2 ** 0.5", "exponent 1/2 is not a whole number"),
        ("sqrt(2)", "'sqrt' is not known here"),
        ("__import__('os')", "'__import__' is not known here"),
        ("١ + ١", "'١' is not known here"),
        ("10%-3", "may mean the remainder or percent"),
    ],
)
async def test_what_cannot_be_calculated_is_refused_with_the_reason(
    registry: PluginRegistry, expression: str, reason: str
) -> None:
    with pytest.raises(ToolRefused) as refused:
        await use(registry, "calculate", expression=expression)
    assert reason in refused.value.detail
    assert refused.value.mend


@pytest.mark.parametrize(
    "number",
    [
        "0,125",
        "1.000,500",
        "12.5,000",
        "1.000.500,25",
        "3,14",
        "1234,567",
        "1,234,56",
        "1,,234",
        "1,234_567",
        "5,",
        "1.2.3",
    ],
)
async def test_a_separator_that_may_mean_something_else_is_refused_and_how_to_write_it_told(
    registry: PluginRegistry, number: str
) -> None:
    with pytest.raises(ToolRefused) as refused:
        await use(registry, "calculate", expression=f"{number} * 8")
    assert f"'{number}' is not written as a number" in refused.value.detail
    assert "Write decimals with a point" in refused.value.mend


@pytest.mark.parametrize(
    "expression",
    [
        *("9**9**9", "10**100000", "1e999999999", "1e-9999", "(10**900)*(10**900)", "2**(10**18)"),
        *("(" * 250 + "1" + ")" * 249, "2**" * 160 + "1", "-" * 5000 + "1", "1" * 501),
    ],
)
async def test_what_would_grow_without_bound_is_refused_at_once(registry: PluginRegistry, expression: str) -> None:
    began = time.monotonic()
    with pytest.raises(ToolRefused):
        await use(registry, "calculate", expression=expression)
    assert time.monotonic() - began < 1


LARGE = ("9**999", "7**1000/3**999", "(3/7)**999", "1e999", "1e-999", ".1", "1/(2**3321-1)", "999999999/7")


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "//", "%", "% of ", "**", "**-"])
@pytest.mark.parametrize("large", LARGE)
async def test_the_longest_expressions_take_little_time(registry: PluginRegistry, large: str, sign: str) -> None:
    """They take 3 ms at most; the bound leaves room for a busy machine."""
    expression = sign.join([large] * ((500 + len(sign)) // (len(large) + len(sign))))
    began = time.monotonic()
    with contextlib.suppress(ToolRefused):
        assert await use(registry, "calculate", expression=expression)
    assert time.monotonic() - began < 1


async def test_what_is_said_of_an_exponent_stays_short(registry: PluginRegistry) -> None:
    with pytest.raises(ToolRefused, match="the exponent is not a whole number"):
        await use(registry, "calculate", expression="2 ** (1 / 7**999)")


numbers = st.integers(0, 999).map(str)
expressions = st.recursive(
    numbers, lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({''.join(parts)})")
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # The tool keeps nothing between calls.
@given(expression=expressions)
async def test_it_agrees_with_pythons_own_fractions(registry: PluginRegistry, expression: str) -> None:
    spelled = "".join(f"Fraction({part})" if part.isdigit() else part for part in _parts(expression))
    try:
        expected = eval(spelled, {"Fraction": Fraction})
    except ZeroDivisionError:
        with pytest.raises(ToolRefused, match="division by zero"):
            await use(registry, "calculate", expression=expression)
        return
    if len(expression) <= 500 and len(str(expected)) <= 60:
        result = await use(registry, "calculate", expression=expression)
        assert Fraction(result.partition(" ")[0]) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(expression=st.text("0123456789.e+-*/%^()of ,_=×", max_size=40))
async def test_whatever_is_written_is_calculated_or_refused(registry: PluginRegistry, expression: str) -> None:
    with contextlib.suppress(ToolRefused):
        result = await use(registry, "calculate", expression=expression)
        assert Fraction(result.removeprefix("about ").partition(" ")[0]) is not None


def _parts(expression: str) -> list[str]:
    return re.findall(r"\d+|\D", expression)
