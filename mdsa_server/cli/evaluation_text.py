"""What `mdsa evaluate routes` measured, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mdsa_server.evaluation.route_baseline import Change
    from mdsa_server.evaluation.route_report import RouteReport, Spread
    from mdsa_server.evaluation.routes import Confusion

NOTHING = "–"
# What share of the messages to keep, of which the risk is shown.
COVERAGES = (0.5, 0.8, 0.9, 1.0)
# In a wider table the lines would break.
MOST_COLUMNS = 12


def print_report(report: RouteReport, routers: Sequence[str]) -> None:
    """Print what was measured, by which routers."""
    click.echo(f"{report.in_scope:,} messages in scope, {report.out_of_scope:,} out of scope; {', '.join(routers)}\n")
    decided = report.decisions
    asked = f", the user asked {_percent(decided.asked)}" if decided.asked else ""
    _line("accuracy", _percent(report.accuracy), f"{_interval(report)}the surest candidate")
    _line(
        "decisions",
        _percent(decided.accuracy),
        f"right; in scope {_percent(decided.in_scope)} ({_percent(decided.fallback)} left to the fallback), "
        f"out of scope {_percent(decided.out_of_scope)}{asked}",
    )
    _line("AUROC", _number(report.auroc), "of in scope against out of scope")
    _line("FPR95", _percent(report.fpr95), "of those out of scope pass where 95 % of those in scope do")
    _line("ECE", _number(report.ece), "between confidence and being right")
    risks = ", ".join(f"{coverage * 100:.0f} % of them {_percent(_risk(report, coverage))}" for coverage in COVERAGES)
    _line("risk", _number(report.aurc), f"wrong among the surest: {risks}")
    _line("embedding", _milliseconds(report.embedding), "a message, median and 95 % point")
    _line("scoring", _milliseconds(report.scoring), "beyond that")
    _print_domains(report)
    _print_confusion(report.confusion)


def _interval(report: RouteReport) -> str:
    if report.accuracy_interval is None:
        return ""
    low, high = report.accuracy_interval
    return f"95 % {_percent(low)} to {_percent(high)}; "


def print_changes(changes: Sequence[Change], baseline: Path, margin: float) -> None:
    """Print how each measure differs from the baseline, and whether that is a regression."""
    click.secho(f"\n{'against ' + str(baseline):<28}{'before':>9}{'now':>9}   difference, 95 %", dim=True)
    for change in changes:
        low, high = change.interval
        told = f"{change.measure:<28}{change.before:>9.4f}{change.now:>9.4f}   {low:+.4f} to {high:+.4f}"
        click.secho(told + ("   worse" if change.worse else ""), fg="red" if change.worse else None)
    if any(change.worse for change in changes):
        click.secho(f"Routing has become worse, by more than {margin:g} and by more than chance explains.", fg="red")
    else:
        click.secho(f"No measure is worse by more than {margin:g} and more than chance explains.", fg="green")


def _print_domains(report: RouteReport) -> None:
    width = max(len("domain"), *(len(domain.domain) for domain in report.domains)) + 2
    heads = f"{'messages':>9}{'precision':>11}{'recall':>9}{'decided: precision':>20}{'recall':>9}"
    click.secho(f"\n{'domain':<{width}}{heads}", dim=True)
    for domain in report.domains:
        click.echo(
            f"{domain.domain:<{width}}{domain.messages:>9,}{_percent(domain.precision):>11}{_percent(domain.recall):>9}"
            f"{_percent(domain.decided_precision):>20}{_percent(domain.decided_recall):>9}"
        )


def _print_confusion(confusion: Confusion) -> None:
    """Print the counts where there is room for them; the most frequent confusions where there is not."""
    rows, columns = ([name or "none" for name in names] for names in (confusion.rows, confusion.columns))
    if len(columns) > MOST_COLUMNS:
        click.secho("\nmost confused", dim=True)
        wrong = [
            (count, row, column)
            for row, counts in zip(rows, confusion.counts, strict=True)
            for column, count in zip(columns, counts, strict=True)
            if count and row != column
        ]
        for count, row, column in sorted(wrong, reverse=True)[:MOST_COLUMNS]:
            click.echo(f"{count:>5}  {row} taken for {column}")
        return
    width = max(map(len, [*rows, "is"])) + 2
    numbered = [f"({place})" for place in range(1, len(columns) + 1)]
    click.secho(f"\n{'which is':<{width + 5}}" + "".join(f"{number:>7}" for number in numbered), dim=True)
    numbers = dict(zip(columns, numbered, strict=True))
    for row, counts in zip(rows, confusion.counts, strict=True):
        click.echo(f"{numbers.get(row, ''):<5}{row:<{width}}" + "".join(f"{count or '·':>7}" for count in counts))


def _line(name: str, figure: str, words: str) -> None:
    click.echo(f"{name:<11}{click.style(f'{figure:>17}', bold=True)}  {words}")


def _risk(report: RouteReport, coverage: float) -> float | None:
    """Give the risk at the least coverage on the curve that is no smaller."""
    return next((risk for covered, risk in report.risk_coverage if covered >= coverage - 1e-9), None)


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.1%}".replace("%", " %")


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"


def _milliseconds(spread: Spread) -> str:
    return f"{spread.median * 1000:.2f}, {spread.p95 * 1000:.2f} ms"
