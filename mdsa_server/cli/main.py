"""The `mdsa` command and its subcommands."""

import click

from mdsa_server import __version__
from mdsa_server.cli.ask import ask, route
from mdsa_server.cli.audit import audit
from mdsa_server.cli.backup import backup
from mdsa_server.cli.chat import chat
from mdsa_server.cli.configuration import check, init, schema
from mdsa_server.cli.doctor import doctor
from mdsa_server.cli.documents import documents
from mdsa_server.cli.evaluate import evaluate
from mdsa_server.cli.evaluate_retrieval import retrieval
from mdsa_server.cli.keys import keys
from mdsa_server.cli.models import models
from mdsa_server.cli.plugins import plugins
from mdsa_server.cli.routes import routes
from mdsa_server.cli.search import search
from mdsa_server.cli.serve import reload, serve
from mdsa_server.cli.simulate import simulate
from mdsa_server.cli.stored_turns import turns
from mdsa_server.cli.tools import tools


class InOrder(click.Group):
    """Lists commands in the order in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mdsa")
def main() -> None:
    """A team of small local language models behind one door.

    Start with `mdsa serve`, then open the address it prints. The other commands talk to the server that
    runs on the same data folder; where none runs, they start one for as long as they need it.
    """


evaluate.add_command(retrieval)

ORDER = (
    *(serve, chat, ask, route, routes, turns, documents, search, models, plugins, tools, keys, audit, backup),
    *(simulate, evaluate, check, doctor, init, reload, schema),
)

for command in ORDER:
    main.add_command(command)
