"""`mdsa chat`: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import click

from mdsa_server.cli.calls import is_terminal, means_yes, never, put
from mdsa_server.cli.connection import ask_for, connect
from mdsa_server.cli.options import configuration_options, read_configuration
from mdsa_server.cli.problems import Refused, problems_shown
from mdsa_server.cli.turns import TurnSoFar, print_turn, stop_turn

if TYPE_CHECKING:
    import httpx
    from anyio.from_thread import BlockingPortal

    from mdsa_server.configuration import Loaded

HELP = """\
  /domain NAME   have NAME answer; without a name, the routers decide again
  /domains       list the domains
  /again         have your last message answered again, in its place
  /new           begin another conversation
  /stats         what the server has counted
  /help          this
  /quit          leave, as Ctrl-D does
Ctrl-C stops an answer; at the prompt it leaves."""

# On Windows a wait without an end cannot be interrupted by Ctrl-C.
WAIT_SECONDS = 0.2


@click.command()
@click.option("--domain", help="The domain that must answer.")
@configuration_options
def chat(domain: str | None, data: Path | None, config: Path | None) -> None:
    """Talk with the team. /help lists what else you can type."""
    loaded = read_configuration(config, data)
    with suppress(ImportError):
        import readline  # noqa: F401  # once imported, it gives lines typed arrow keys and a history
    with problems_shown(), _connected(loaded) as talk:
        talk.open(domain)
        while (line := talk.read_line()) is not None:
            if line.startswith("/"):
                if not talk.obey(line):
                    return
            elif line:
                talk.say(line)


@contextmanager
def _connected(loaded: Loaded) -> Iterator[Talk]:
    """Connect from a thread beside this one, which reads what is typed and hears Ctrl-C."""
    from anyio.from_thread import start_blocking_portal

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(connect(loaded)) as client:
        yield Talk(portal, client)


@dataclass
class Talk:
    """A conversation, and who is to answer in it."""

    portal: BlockingPortal
    client: httpx.AsyncClient
    conversation: str | None = None
    domain: str | None = None
    last: tuple[str, str] | None = None
    """The turn that was sent last, and its message."""
    domains: dict[str, str] = field(default_factory=dict)
    """Descriptions by name."""
    questions: SimpleQueue[tuple[str, Future[bool]]] = field(default_factory=SimpleQueue)
    """What the turn asks of whoever types: only the main thread reads what that is."""

    def open(self, domain: str | None) -> None:
        """Learn who is there, and say so. Raises Refused where `domain` is not."""
        self.domains = {found["name"]: found["description"] for found in self._ask_for("GET", "/api/domains")}
        if domain and domain not in self.domains:
            raise Refused(f"No domain is named {domain}", mend=f"There are: {', '.join(self.domains)}.")
        self.domain = domain
        names = ", ".join(click.style(name, bold=True) for name in self.domains)
        click.echo(f"The team: {names}. /help tells what you can type.\n")

    def read_line(self) -> str | None:
        """Read what is typed; None at its end."""
        try:
            # Without colours: the line editor would count them as letters.
            return input(f"{self.domain or 'you'}> ").strip()
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return None

    def obey(self, line: str) -> bool:
        """Carry out a line that begins with a slash; False where it means to leave."""
        command, _, rest = line[1:].partition(" ")
        match command:
            case "quit" | "exit" | "q":
                return False
            case "help":
                click.echo(HELP)
            case "again":
                self._again()
            case "new":
                self.conversation = self.last = None
                click.echo("A new conversation.")
            case "domain":
                self._choose_domain(rest.strip())
            case "domains":
                for name, description in self.domains.items():
                    click.echo(f"  {click.style(name, bold=True)}  {description}")
            case "stats":
                _print_stats(self._ask_for("GET", "/api/metrics"))
            case _:
                click.echo(f"/{command} means nothing here. /help lists what does.")
        return True

    def say(self, message: str, *, instead_of: str | None = None) -> None:
        """Send a message, in place of a turn if one is named, and print the answer as it comes; Ctrl-C stops it."""
        turn = TurnSoFar(conversation=self.conversation)
        body = {"message": message, "conversation": self.conversation, "domain": self.domain, "on_tie": "best"}
        body["instead_of"] = instead_of
        allow = self._ask if is_terminal() else never
        answering = self.portal.start_task_soon(print_turn, self.client, body, turn, allow)
        try:
            self._wait(answering)
        except KeyboardInterrupt:
            self._stop(turn, answering)
        except Refused as refused:
            refused.show()
        self.conversation = turn.conversation
        if turn.id:
            self.last = turn.id, message
        click.echo()

    def _again(self) -> None:
        if self.last is None:
            click.echo("There is no message to answer again.")
            return
        turn, message = self.last
        self.say(message, instead_of=turn)

    def _stop(self, turn: TurnSoFar, answering: Future[None]) -> None:
        """Stop a turn; its answer then ends by itself, and says so."""
        if turn.id is None:
            answering.cancel()
        else:
            self.portal.call(stop_turn, self.client, turn.id)
            self._wait(answering, asks=False)

    def _choose_domain(self, name: str) -> None:
        if name and name not in self.domains:
            click.echo(f"No domain is named {name}. There are: {', '.join(self.domains)}.")
            return
        self.domain = name or None
        click.echo(f"{name} answers from now on." if name else "The routers decide again.")

    async def _ask(self, question: str) -> bool:
        """Have a question answered by whoever types."""
        answer: Future[bool] = Future()
        self.questions.put((question, answer))
        return await asyncio.wrap_future(answer)

    def _wait(self, answering: Future[None], *, asks: bool = True) -> None:
        """Wait for an answer's end, and put what it asks, or have it be no. Raises Refused."""
        while not wait([answering], WAIT_SECONDS).done:
            with suppress(Empty):
                question, answer = self.questions.get_nowait()
                yes = False
                try:
                    yes = asks and _says_yes(question)
                finally:
                    answer.set_result(yes)  # After Ctrl-C too, or the turn would wait for it.
        answering.result()

    def _ask_for(self, method: str, path: str) -> Any:
        return self.portal.call(ask_for, self.client, method, path)


def _says_yes(question: str) -> bool:
    put(question)
    return means_yes(sys.stdin.readline())


def _print_stats(metrics: dict[str, Any]) -> None:
    turns = metrics["turns"]
    outcomes = f"{turns['turns_answered']} answered, {turns['turns_failed']} failed, {turns['turns_cancelled']} stopped"
    rows = [
        ("turns", outcomes),
        ("domains", ", ".join(f"{name} {count}" for name, count in turns["turns_by_domain"].items()) or "none yet"),
        ("tokens", f"{turns['prompt_tokens']} read, {turns['answer_tokens']} written"),
        ("up", f"{metrics['uptime_seconds'] / 60:.0f} min, version {metrics['version']}"),
    ]
    if spans := turns["seconds_to_answer"]:
        rows.insert(2, ("to answer", f"half within {spans['p50']:.2f} s, 95 % within {spans['p95']:.2f} s"))
    for name, value in rows:
        click.echo(f"  {name:<10} {value}")
