"""`mdsa tools`: the tools on offer, and calling one by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import FAULTY, Refused
from mdsa_server.cli.turns import note
from mdsa_server.vocabulary.call_text import readable

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded

WIDTH = 80
APPROVALS = {"auto": "at once", "ask": "asks first", "deny": "never"}
LONGEST_APPROVAL = max(map(len, APPROVALS.values()))
COLORS = {"ask": "yellow", "deny": "red"}
SHOWN_AROUND = 30

list_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")


@click.group(invoke_without_command=True)
@list_option
@configuration_options
@click.pass_context
def tools(context: click.Context, as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the tools that plugins offer, and call one by hand."""
    if context.invoked_subcommand is None:
        run(_list(read_configuration(config, data), as_json))


@tools.command("list")
@list_option
@configuration_options
def list_tools(as_json: bool, data: Path | None, config: Path | None) -> None:
    """List the tools: what each takes, its plugin, whether a call asks first, whether it has effects.

    Parameters in brackets may be left out.
    """
    run(_list(read_configuration(config, data), as_json))


@tools.command()
@click.argument("tool")
@click.argument("arguments", default="{}")
@click.option("--domain", help="The domain for which it is called; else the fallback.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def call(tool: str, arguments: str, domain: str | None, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Call a tool with a JSON object of arguments, such as '{"zone": "Tokyo"}'; no model runs.

    A tool that asks first is called at once: your call is the yes.
    """
    body = {"arguments": _arguments(arguments), "domain": domain}
    run(_call(read_configuration(config, data), tool, body, as_json))


def _arguments(text: str) -> dict[str, Any]:
    """Read a JSON object. Raises Refused, showing where it is none."""
    try:
        read = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        before, after = error.doc[: error.pos].rpartition("\n")[2], error.doc[error.pos :].partition("\n")[0]
        shown = before[-SHOWN_AROUND:]
        raise Refused(
            "The arguments are not JSON",
            detail=f"{shown}{after[:SHOWN_AROUND]}\n{' ' * len(shown)}^\n"
            f"line {error.lineno}, column {error.colno}: {error.msg}",
            mend='Write an object, in single quotes: \'{"zone": "Tokyo"}\'',
            code=FAULTY,
        ) from error
    except (ValueError, RecursionError) as error:
        raise Refused("The arguments are not JSON", detail=str(error), code=FAULTY) from error
    if not isinstance(read, dict):
        raise Refused(
            "The arguments are no JSON object",
            detail=f"{text[:WIDTH]} has no names for them.",
            mend='Name each: \'{"zone": "Tokyo"}\'',
            code=FAULTY,
        )
    return read


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")


async def _list(loaded: Loaded, as_json: bool) -> None:
    async with connect(loaded) as client:
        found = await ask_for(client, "GET", "/api/tools")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        click.echo("No plugin offers a tool. `mdsa plugins` lists the plugins.")
    plugins = max((len(tool["plugin"]) for tool in found), default=0)
    rest = plugins + LONGEST_APPROVAL + len("effects") + 3 * len("  ")
    taking = min(max((len(_taking(tool)) for tool in found), default=0), WIDTH - rest)
    for tool in found:
        _print_tool(tool, taking, plugins)


def _print_tool(tool: dict[str, Any], taking: int, plugins: int) -> None:
    name = tool["name"]
    parameters = _shortened(_taking(tool), max(taking, len(name)))[len(name) :]
    approval = click.style(APPROVALS[tool["approval"]], fg=COLORS.get(tool["approval"]))
    effects = " " * (LONGEST_APPROVAL - len(APPROVALS[tool["approval"]])) + "  effects" if tool["effects"] else ""
    click.echo(
        f"{click.style(name, bold=True)}{parameters:<{max(taking - len(name), 0)}}  "
        f"{tool['plugin']:<{plugins}}  {approval}{effects}"
    )
    click.secho(_shortened(f"  {readable(tool['description'].splitlines()[0])}", WIDTH), dim=True)


def _taking(tool: dict[str, Any]) -> str:
    """Write a tool with its parameters, as a command is written: `now [zone]`."""
    required = tool["parameters"].get("required", ())
    named = [name if name in required else f"[{name}]" for name in tool["parameters"].get("properties", ())]
    return " ".join((tool["name"], *named))


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"


async def _call(loaded: Loaded, tool: str, body: dict[str, Any], as_json: bool) -> None:
    async with connect(loaded) as client:
        # Written here, since httpx cannot send half a character; the server says that it is one.
        answer = await ask_for(
            client,
            "POST",
            f"/api/tools/{quote(tool, safe='')}/call",
            content=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    click.echo(readable(answer["result"]))
    note(f"{answer['outcome']} in {answer['seconds'] * 1000:.1f} ms")
