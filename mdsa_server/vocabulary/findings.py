"""What a check of the configuration looked at, and how it stands."""

from collections.abc import Sequence

from msgspec import Struct, field

from mdsa_server.vocabulary.fault import Fault


class Findings(Struct, kw_only=True):
    """What `mdsa check` tells."""

    faults: list[Fault] = field(default_factory=list)
    """With these the server does not start."""
    warnings: list[Fault] = field(default_factory=list)
    """With these it starts, and something will not work as it was meant."""
    fine: dict[str, str] = field(default_factory=dict)
    """What was looked at and is in order: a subject, and a few words on it."""
    later: str = ""
    """What could not be looked at yet, as a sentence; empty where all was."""

    def note(self, subject: str, words: str, warnings: Sequence[Fault] = ()) -> None:
        """Note that a subject is fine, or else the warnings about it."""
        if warnings:
            self.warnings += warnings
        else:
            self.fine[subject] = words
