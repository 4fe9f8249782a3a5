"""How far an ingestion is, as a bar in the terminal."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from mdsa_server.knowledge.progress import Progress

BAR = 20
# What stands before the name of the file takes no more columns.
BEFORE_NAME = 75


class IngestionBar(ExitStack):
    """A bar over all bytes, with rate and time left, where a person looks; what is said stands above it."""

    def __init__(self, collection: str) -> None:
        super().__init__()
        from mdsa_server.knowledge.progress import Progress

        self._progress = Progress(collection)
        self._bar: ProgressBar[Progress | None] | None = None

    def tell(self, name: str, event: dict[str, Any]) -> None:
        """Move on by an event of the ingestion, as the stream gives it."""
        import msgspec

        from mdsa_server.vocabulary.ingestion import AnyIngestionEvent

        self._progress.tell(msgspec.convert({"type": name} | event, AnyIngestionEvent))
        if name == "ingestion_started" and event["bytes"]:
            self._bar = self.enter_context(
                click.progressbar(
                    length=event["bytes"],
                    label="Taking in",
                    width=BAR,
                    show_eta=False,
                    item_show_func=_facts,
                    update_min_steps=0,
                    hidden=not sys.stdout.isatty(),
                )
            )
        elif self._bar is not None:
            self._bar.update(max(self._progress.bytes - self._bar.pos, 0), self._progress)

    def say(self, words: str) -> None:
        click.echo(("\r\x1b[K" if self._bar and not self._bar.hidden else "") + words, err=True)


def _facts(progress: Progress | None) -> str | None:
    """Say how fast it goes, how long it may yet take, and what it is at."""
    if progress is None:
        return None
    left = progress.seconds_left(progress.at)
    name = Path(progress.at_work[0]).name if progress.at_work else ""
    facts = (
        f"{progress.rate(progress.at) / 1000:,.0f} kB/s" if progress.bytes else "",
        f"{timedelta(seconds=round(left))} left" if left is not None else "",
        name[: max(shutil.get_terminal_size().columns - BEFORE_NAME, 0)],
    )
    return "  ".join(fact for fact in facts if fact)
