"""`mdsa keys`: who may call the server, and what they may do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import Refused
from mdsa_server.vocabulary.call_text import printable
from mdsa_server.vocabulary.hidden_values import ACCESS_KEY

if TYPE_CHECKING:
    import httpx

    from mdsa_server.configuration import Loaded

SCOPES = ("chat", "documents", "monitor", "admin")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
key_argument = click.argument("key")


def _finite(_: click.Context, __: click.Parameter, days: float | None) -> float | None:
    if days is not None and not isfinite(days):
        raise click.BadParameter(f"{days} is no number of days.")
    return days


@click.group()
def keys() -> None:
    """Make access keys, list them, revoke them.

    From the first key on, everybody must show one, but for these commands on this machine.
    """


@keys.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    help="What it may do; may be repeated. Without any: chat.",
)
@click.option("--domain", "domains", multiple=True, help="A domain that may answer; may be repeated. Without any: all.")
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    help="How long it holds; else until revoked.",
)
@click.option("--requests", type=click.IntRange(1), help="How many requests a minute it may send.")
@click.option("--tokens", type=click.IntRange(1), help="How many tokens a minute it may have made.")
@json_option
@configuration_options
def create(
    name: str,
    scopes: tuple[str, ...],
    domains: tuple[str, ...],
    days: float | None,
    requests: int | None,
    tokens: int | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Make a key. Its secret is shown this once."""
    body = {
        "name": name,
        "scopes": scopes or ("chat",),
        "domains": domains,
        "days": days,
        "requests_per_minute": requests,
        "tokens_per_minute": tokens,
    }
    run(_shown(read_configuration(config, data), "/api/keys", body, as_json))


@keys.command()
@key_argument
@json_option
@configuration_options
def rotate(key: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Give a key, by its id or name, another secret. The former one opens nothing from then on."""
    run(_rotate(read_configuration(config, data), key, as_json))


@keys.command()
@key_argument
@configuration_options
def revoke(key: str, data: Path | None, config: Path | None) -> None:
    """Have a key, by its id or name, open nothing any more."""
    run(_revoke(read_configuration(config, data), key))


@keys.command("list")
@json_option
@configuration_options
def list_keys(as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the keys."""
    run(_list(read_configuration(config, data), as_json))


async def _shown(loaded: Loaded, path: str, body: dict[str, Any] | None, as_json: bool) -> None:
    async with connect(loaded) as client:
        _print_secret(await ask_for(client, "POST", path, json=body), as_json)


async def _rotate(loaded: Loaded, key: str, as_json: bool) -> None:
    async with connect(loaded) as client:
        path = f"/api/keys/{quote(await _id_of(client, key), safe='')}/rotate"
        _print_secret(await ask_for(client, "POST", path), as_json)


async def _revoke(loaded: Loaded, key: str) -> None:
    async with connect(loaded) as client:
        revoked = await ask_for(client, "POST", f"/api/keys/{quote(await _id_of(client, key), safe='')}/revoke")
        left = [each for each in await ask_for(client, "GET", "/api/keys") if not each["revoked"]]
    click.echo(f"{printable(revoked['name'])} opens nothing any more.")
    if not left:
        click.secho(
            "No key is left: a server that only this machine can reach asks nobody for one any more.\n"
            "To have one asked for, make another: mdsa keys create NAME",
            fg="yellow",
            err=True,
        )


async def _id_of(client: httpx.AsyncClient, key: str) -> str:
    """Give the id of a key that was named by it or by its name. Raises Refused where several have that name."""
    if ACCESS_KEY.fullmatch(key):
        raise Refused("That is a key's secret", mend="Name the key by its id or its name: mdsa keys list.")
    found = [each for each in await ask_for(client, "GET", "/api/keys") if key in (each["id"], each["name"])]
    held = [each for each in found if _state(each) == "holds"] or found
    if len(held) > 1:
        raise Refused(f"Several keys are named {key}", mend="Name one by its id: mdsa keys list.")
    return str(held[0]["id"]) if held else key


async def _list(loaded: Loaded, as_json: bool) -> None:
    async with connect(loaded) as client:
        found = await ask_for(client, "GET", "/api/keys")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        click.echo("There are no keys: everybody on this machine may call the server. Make one: mdsa keys create NAME")
    for key in found:
        state = _state(key)
        color = "green" if state == "holds" else "yellow"
        name = click.style(printable(key["name"]), bold=True)
        click.echo(f"{click.style(f'{state:<9}', fg=color)}{name}  {_facts(key)}")
        click.secho(f"         {key['id']}", dim=True)


def _state(key: dict[str, Any]) -> str:
    if key["revoked"]:
        return "revoked"
    expired = key["expires"] and datetime.fromisoformat(key["expires"]) <= datetime.now(UTC)
    return "expired" if expired else "holds"


def _facts(key: dict[str, Any]) -> str:
    facts = [", ".join(key["scopes"])]
    if key["domains"]:
        facts.append(f"for {', '.join(key['domains'])}")
    if key["expires"]:
        facts.append(f"until {_day(key['expires'])}")
    facts += [
        f"{key[limit]:,} {what} a minute"
        for limit, what in (("requests_per_minute", "requests"), ("tokens_per_minute", "tokens"))
        if key[limit]
    ]
    facts.append(f"last used {_day(key['last_used'])}" if key["last_used"] else "never used")
    return "; ".join(facts)


def _day(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"


def _print_secret(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(shown, ensure_ascii=False))
        return
    # The secret alone on standard output, so that it can be piped to where it belongs.
    click.echo(f"{printable(shown['key']['name'])}: {_facts(shown['key'])}", err=True)
    click.echo(shown["secret"])
    click.echo("It is shown this once. Send it as a header: Authorization: Bearer KEY", err=True)
