"""Problems as the terminal shows them: what went wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import click

from mdsa_server.errors import ConfigurationInvalid, MdsaError
from mdsa_server.vocabulary.call_text import readable

if TYPE_CHECKING:
    from mdsa_server.vocabulary.fault import Fault

FAILED = 1
FAULTY = 2
"""The exit code where the configuration has faults, or cannot be written, and where a command was called wrongly."""


class Refused(click.ClickException):
    """A problem that ends a command."""

    def __init__(
        self, title: str, *, detail: str = "", mend: str = "", faults: Iterable[Fault] = (), code: int = FAILED
    ) -> None:
        super().__init__(title)
        self.detail = detail
        self.mend = mend
        self.faults = tuple(faults)
        self.exit_code = FAULTY if self.faults else code  # type: ignore[misc]  # click reads it of the instance

    @classmethod
    def by_server(cls, problem: dict[str, Any]) -> Self:
        """Take a problem as the server writes it (RFC 9457), or as it comes within a stream."""
        import msgspec

        from mdsa_server.vocabulary.fault import Fault

        faults = msgspec.convert(problem.get("faults", ()), tuple[Fault, ...])
        return cls(problem["title"], detail=problem["detail"], mend=problem.get("mend", ""), faults=faults)

    def show(self, file: Any = None) -> None:
        click.secho(self.message, fg="red", bold=True, err=True)
        # Faults say what the detail and the mend say, of each.
        for line in [str(fault) for fault in self.faults] or self.detail.splitlines():
            click.echo(f"  {readable(line)}", err=True)
        if self.mend and not self.faults:
            click.secho(f"  {readable(self.mend)}", fg="cyan", err=True)


@contextmanager
def problems_shown() -> Iterator[None]:
    """Have errors of ours end the command as problems, with their exit code."""
    try:
        yield
    except ConfigurationInvalid as error:
        raise Refused(error.title, detail=error.detail, mend=error.mend, faults=error.faults) from error
    except MdsaError as error:
        raise Refused(error.title, detail=error.detail, mend=error.mend) from error
