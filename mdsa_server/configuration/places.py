"""Where each key of a configuration was written, so that a fault can point there."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from mdsa_server.configuration.lines import KeyPath
from mdsa_server.vocabulary.fault import Fault


@dataclass(frozen=True)
class Place:
    """A line of a file, or something without lines: a variable, the command line."""

    name: str
    line: int | None = None

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name}:{self.line}"


@dataclass(frozen=True)
class Places:
    """The places of all keys that were written; `file` is where the others would go."""

    file: Place
    written: dict[KeyPath, Place] = field(default_factory=dict)

    def put(self, path: KeyPath, place: Place, inner: Iterable[KeyPath] = ()) -> None:
        """Note that a key is now written at `place`, with the keys inside it, and nowhere else."""
        for known in [known for known in self.written if known[: len(path)] == path]:
            del self.written[known]
        self.written[path] = place
        self.written.update({(*path, *rest): place for rest in inner})

    def of(self, path: KeyPath) -> Place:
        """Give the place of a key, or of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            around = path[:length]
            if around in self.written:
                return self.written[around]
            # A table that only variables speak of has no place of its own, but its keys do.
            for inner, place in self.written.items():
                if inner[:length] == around:
                    return place
        return self.file

    def fault(self, path: KeyPath, what: str, mend: str) -> Fault:
        """A fault of the key at `path`, at its place."""
        place = self.of(path)
        return Fault(file=place.name, line=place.line, key=dotted(path), what=what, mend=mend)


def dotted(path: KeyPath) -> str:
    """Write a key as people do: `server.port`, and `domains.code.examples[2]`, counted from 0."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() and text else f".{part}" if text else part
    return text
