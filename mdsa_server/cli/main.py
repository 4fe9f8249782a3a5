"""The `mdsa` command and its subcommands."""

import difflib

import click

from mdsa_server import __version__
from mdsa_server.cli.chat import ask, chat, route
from mdsa_server.cli.configuration import check, init, schema
from mdsa_server.cli.models import models
from mdsa_server.cli.plugins import plugins
from mdsa_server.cli.serve import reload, serve


class Group(click.Group):
    """Lists commands in the order a newcomer needs them, and guesses at mistyped ones."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            guesses = difflib.get_close_matches(args[0], self.commands, n=2)
            guess = f" Did you mean {' or '.join(guesses)}?" if guesses else ""
            raise click.UsageError(error.message + guess, ctx) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mdsa")
def main() -> None:
    """A team of small local language models behind one door.

    Start with `mdsa serve`, then open the address it prints. The other commands talk to the server that
    runs on the same data folder; where none runs, they start one for as long as they need it.
    """


for command in (serve, chat, ask, route, models, plugins, check, init, reload, schema):
    main.add_command(command)
