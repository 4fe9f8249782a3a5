"""`mdsa simulate`: recorded turns served again under other settings."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import Refused

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded
    from mdsa_server.evaluation.recorded import RecordedTurn
    from mdsa_server.evaluation.replay import Cost, Replay
    from mdsa_server.inference.residency import Limits

LAST_DAYS = re.compile(r"LAST_(\d+)_DAYS", re.IGNORECASE)


@click.group()
def simulate() -> None:
    """Try settings on what was recorded, before changing them."""


@simulate.command()
@click.option(
    "--log", default="LAST_7_DAYS", help="Turns to serve again: LAST_7_DAYS, or a file of GET /api/models/log."
)
@click.option("--max-models", type=click.IntRange(1), help="Models in memory at once; else [residency] max_models.")
@click.option("--pin", "pins", multiple=True, help="A model that stays in memory; may be given several times.")
@click.option("--policy", type=click.Choice(["lru", "cost"]), help="Which model goes first; else [residency] policy.")
@click.option("--max-wait", type=click.FloatRange(0), help="In seconds; else [residency] max_wait.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def residency(
    log: str,
    max_models: int | None,
    pins: tuple[str, ...],
    policy: str | None,
    max_wait: float | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Serve recorded turns again, and say what models in memory would have cost."""
    changed = {"residency__max_models": max_models, "residency__policy": policy, "residency__max_wait": max_wait}
    loaded = read_configuration(config, data, **changed)
    run(_residency(loaded, log, pins or loaded.settings.residency.pinned, as_json))


async def _residency(loaded: Loaded, log: str, pins: tuple[str, ...], as_json: bool) -> None:
    from mdsa_server.evaluation.replay import replay

    turns = await _turns(loaded, log)
    if not turns:
        raise Refused("There are no turns to serve again", mend="Name more days: --log LAST_30_DAYS, or a file.")
    limits = _limits(loaded)
    if len(pins) >= limits.max_models:
        raise Refused(
            f"{len(pins)} models are pinned, and {limits.max_models} may be in memory",
            mend="Pin fewer, or give more places with --max-models: other models need one too.",
        )
    outcome = replay(turns, limits, frozenset(pins))
    if as_json:
        click.echo(json.dumps(asdict(outcome)))
    else:
        _print(outcome, limits, log)


async def _turns(loaded: Loaded, log: str) -> list[RecordedTurn]:
    import msgspec

    from mdsa_server.evaluation.recorded import RecordedTurn

    if days := LAST_DAYS.fullmatch(log):
        async with connect(loaded) as client:
            answer: Any = await ask_for(client, "GET", "/api/models/log", params={"days": days[1]})
    else:
        try:
            with click.open_file(log, "rb") as file:
                answer = msgspec.json.decode(file.read())
        except (OSError, msgspec.DecodeError) as error:
            raise Refused(
                f"{log} cannot be read",
                detail=str(error),
                mend="Name LAST_7_DAYS, or a file with what GET /api/models/log has answered.",
            ) from error
    try:
        return msgspec.convert(answer, dict[str, list[RecordedTurn]])["turns"]
    except (msgspec.ValidationError, KeyError) as error:
        raise Refused(
            f"{log} does not hold recorded turns", detail=str(error), mend="Save what GET /api/models/log answers."
        ) from error


def _limits(loaded: Loaded) -> Limits:
    from mdsa_server.inference.residency import Limits

    residency = loaded.settings.residency
    return Limits(
        max_models=residency.max_models,
        max_wait=residency.max_wait,
        max_running=residency.max_running,
        policy=residency.policy,
    )


def _print(outcome: Replay, limits: Limits, log: str) -> None:
    click.echo(f"{outcome.turns:,} turns of {outcome.models} models, from {log}\n")
    click.secho(f"{'':<34}{'loads':>7}{'loading':>10}{'waits':>10}{'longest':>10}", dim=True)
    click.echo(_row("as it was", outcome.happened))
    click.secho(_row(f"simulated: {_settings(limits)}", outcome.simulated), bold=True)
    click.echo(_row("an engine left to itself", outcome.first_come))
    click.echo(f"{'the fewest, had one known':<34}{outcome.optimum:>7}")
    if outcome.best == limits:
        click.secho("\nNo other number of places and no other policy would have done much better.", fg="green")
    else:
        saved = outcome.simulated.all_waits - outcome.best_cost.all_waits
        click.secho(
            f"\nRecommended: {_settings(outcome.best)}, which would have saved {saved:,.0f} s of waiting.", fg="green"
        )
        click.echo(_row("", outcome.best_cost))
        if outcome.best.max_models > limits.max_models:
            click.echo("That many models must fit into memory together: mdsa check tells.")


def _row(name: str, cost: Cost) -> str:
    return f"{name:<34}{cost.loads:>7}{cost.load_seconds:>8,.0f} s{cost.all_waits:>8,.0f} s{cost.longest_wait:>8,.1f} s"


def _settings(limits: Limits) -> str:
    return f"max_models {limits.max_models}, {limits.policy}"
