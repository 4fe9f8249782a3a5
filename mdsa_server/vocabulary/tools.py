"""Tools as a turn uses them: what is on offer, what may be called, and what became of a call."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from msgspec import Struct, field

WILD = re.compile(r"[*?\[]")
"""What makes a pattern of a name."""

Approval = Literal["auto", "ask", "deny"]
"""Whether a call is made at once, after somebody has said yes, or never."""
STRICTNESS: tuple[Approval, ...] = ("auto", "ask", "deny")

ToolUse = Literal["auto", "native", "constrained", "off"]
"""How a model calls tools: by its own means, by answers that are held to a JSON schema, or not at all."""

ToolOutcome = Literal["returned", "refused", "invalid", "unknown", "failed", "denied"]
"""`returned`: it gave a result; `refused`: the tool cannot do what was asked; `invalid`: the arguments do not fit it;
`unknown`: the domain has no such tool; `failed`: it raised, hung, or gave no result; `denied`: nobody let it."""


class ToolDescription(Struct, frozen=True, kw_only=True):
    """A tool on offer."""

    name: str
    description: str
    parameters: dict[str, Any]
    """The JSON schema of its arguments, an object's."""
    plugin: str
    effects: bool
    """Whether it changes anything outside the turn."""
    approval: Approval


class ToolRun(Struct, frozen=True, kw_only=True):
    """One call of a tool within a turn, as far as it has come."""

    call: str
    """Names the call within its turn."""
    tool: str
    arguments: dict[str, Any]
    approval: Literal["", "asked", "given", "denied"] = ""
    """Empty where nobody was to be asked."""
    by: str = ""
    """Who gave or denied it; empty where nobody did in time."""
    waits_until: float | None = None
    """While it is asked for: when it is denied if nobody answers, in seconds since the turn began."""
    outcome: ToolOutcome | None = None
    """None while it runs."""
    result: str = ""
    cut: bool = False
    """Whether the result was longer."""
    seconds: float | None = None


class ToolPolicy(Struct, frozen=True, kw_only=True):
    """The bounds within which tools are called."""

    max_rounds: int = 4
    """How often the model may ask for calls before it must answer."""
    timeout: float = 30.0
    """Seconds that one call may take."""
    max_result_chars: int = 8_000
    """Longer results are cut, and marked as cut."""
    approval_timeout: float = 120.0
    """Seconds for which somebody is waited for who may say yes."""
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    """By the names of tools, or patterns of them (`mcp.files.*`).

    Of several that match the name itself counts, else what begins with the most letters before its first wildcard,
    and of equals the strictest.
    """

    def approval(self, tool: str, *, effects: bool) -> Approval:
        """Say whether a call of a tool needs a yes; where nothing is said of it, one that has effects does."""
        if tool in self.approvals:
            return self.approvals[tool]
        matching = [
            (len(_beginning(pattern)), STRICTNESS.index(approval), approval)
            for pattern, approval in self.approvals.items()
            if fnmatchcase(tool, pattern)
        ]
        if matching:
            return max(matching)[-1]
        return "ask" if effects else "auto"


def may_overlap(pattern: str, other: str) -> bool:
    """Whether some tool may be named by both of two names or patterns; of two patterns, by what they begin with."""
    if not WILD.search(pattern):
        return fnmatchcase(pattern, other)
    if not WILD.search(other):
        return fnmatchcase(other, pattern)
    first, second = _beginning(pattern), _beginning(other)
    return first.startswith(second) or second.startswith(first)


def named(tool: str, patterns: tuple[str, ...]) -> bool:
    """Whether a tool is among those that are named, by its name or by a pattern such as `mcp.files.*`."""
    return any(fnmatchcase(tool, pattern) for pattern in patterns)


def _beginning(pattern: str) -> str:
    """Give what stands before the first wildcard."""
    return WILD.split(pattern, maxsplit=1)[0]
