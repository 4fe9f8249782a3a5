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
    loaded = read_configuration(config, data)
    changed = {"max_models": max_models, "policy": policy, "max_wait": max_wait}
    changed = {key: value for key, value in changed.items() if value is not None}
    run(_residency(loaded, log, pins or loaded.settings.residency.pinned, changed, as_json))


async def _residency(loaded: Loaded, log: str, pins: tuple[str, ...], changed: dict[str, Any], as_json: bool) -> None:
    from dataclasses import replace

    from mdsa_server.evaluation.replay import replay
    from mdsa_server.vocabulary.models import full_name

    turns = await _turns(loaded, log)
    if not turns:
        raise Refused("There are no turns to serve again", mend="Name more days: --log LAST_30_DAYS, or a file.")
    limits = replace(_limits(loaded), **changed)
    named = {full_name(turn.model): turn.model for turn in turns}
    pins = tuple(dict.fromkeys(named.get(full_name(pin), pin) for pin in pins))
    for strange in [pin for pin in pins if pin not in named.values()]:
        click.secho(f"No turn used {strange}: pinned, it takes a place and serves nobody.", fg="yellow", err=True)
    if len(pins) >= limits.max_models:
        raise Refused(
            f"{len(pins)} models are pinned, and {limits.max_models} may be in memory",
            mend="Pin fewer, or give more places with --max-models: other models need one too.",
        )
    if loaded.settings.residency.max_memory_gb:
        # What was recorded tells no sizes.
        click.secho("max_memory_gb is left out: models are counted here, not weighed.", fg="yellow", err=True)
    outcome = replay(turns, limits, frozenset(pins))
    if as_json:
        click.echo(json.dumps(asdict(outcome)))
    else:
        _print(outcome, limits, pins, log)


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
            reason = error.strerror if isinstance(error, OSError) else f"it is no JSON ({error})"
            raise Refused(
                f"{log} cannot be read: {reason}",
                mend="Name LAST_7_DAYS, or a file with what GET /api/models/log has answered.",
            ) from error
    try:
        return msgspec.convert(answer, dict[str, list[RecordedTurn]])["turns"]
    except (msgspec.ValidationError, KeyError) as error:
        raise Refused(
            f"{log} does not hold recorded turns",
            detail='An object {"turns": [...]} is wanted, as GET /api/models/log answers it.',
            mend="Save that answer to a file: curl http://127.0.0.1:8642/api/models/log?days=7 -o turns.json",
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


def _print(outcome: Replay, limits: Limits, pins: tuple[str, ...], log: str) -> None:
    click.echo(f"{outcome.turns:,} turns of {outcome.models} models, from {log}\n")
    simulated = f"simulated: {_settings(limits, pins)}"
    recommended = f"recommended: {_settings(outcome.best, pins)}"
    width = max(len(simulated), len(recommended)) + 2
    click.secho(f"{'':<{width}}{'loads':>7}{'loading':>11}{'waits':>11}{'longest':>11}", dim=True)
    click.echo(_row("as it was", outcome.happened, width))
    click.secho(_row(simulated, outcome.simulated, width), bold=True)
    if outcome.best != limits:
        click.secho(_row(recommended, outcome.best_cost, width), fg="green")
    click.echo(_row("an engine left to itself", outcome.first_come, width))
    click.echo(f"{'the fewest, had one known':<{width}}{outcome.optimum:>7}")
    click.secho("\nwaits: all turns' together, until their model was theirs; longest: of a single turn", dim=True)
    if outcome.best == limits:
        click.secho("No other number of places and no other policy would have done much better.", fg="green")
        return
    for name, before in (("as it was", outcome.happened), ("as simulated", outcome.simulated)):
        saved = before.all_waits - outcome.best_cost.all_waits
        words = f"{saved:,.0f} s less waiting" if saved >= 0 else f"{-saved:,.0f} s more waiting"
        click.secho(f"Recommended: {words} than {name}.", fg="green")
    if outcome.best.max_models > limits.max_models:
        click.echo("That many models must fit into memory together, which mdsa check tells, and the engine must keep")
        click.echo(f"them: start Ollama with OLLAMA_MAX_LOADED_MODELS={outcome.best.max_models}.")


def _row(name: str, cost: Cost, width: int) -> str:
    seconds = f"{cost.load_seconds:>9,.0f} s{cost.all_waits:>9,.0f} s{cost.longest_wait:>9,.1f} s"
    return f"{name:<{width}}{cost.loads:>7}{seconds}"


def _settings(limits: Limits, pins: tuple[str, ...]) -> str:
    pinned = f", pinned {' and '.join(pins)}" if pins else ""
    return f"max_models {limits.max_models}, {limits.policy}{pinned}"
