"""What does not fit the tools on offer: what domains name, and what is said of approval; pure functions."""

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

from mdsa_server.configuration.checks import ANYWHERE, meant_or_held_back
from mdsa_server.configuration.places import Places
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.toml_text import toml
from mdsa_server.vocabulary.tools import ToolPolicy, may_overlap, named

NOTHING: Mapping[str, str] = MappingProxyType({})


def unoffered_tools(
    settings: Settings,
    offered: Collection[str],
    held_back: Collection[str] = (),
    places: Places = ANYWHERE,
    withheld: Mapping[str, str] = NOTHING,
) -> list[Fault]:
    """Find the tools of domains that no plugin offers, and the patterns that name none of those on offer.

    A plugin that is held back may be the one that would. What is withheld is left to `withheld_tools`.
    """
    return [
        places.fault(
            ("domains", domain, "tools"),
            f"no plugin offers a tool named {toml(tool)}",
            meant_or_held_back(tool, offered, held_back, "mdsa plugins lists the tools on offer."),
        )
        for domain, tool in _not_on_offer(settings, offered)
        if not any(may_overlap(tool, pattern) for pattern in withheld)
    ]


def withheld_tools(
    settings: Settings, offered: Collection[str], withheld: Mapping[str, str], places: Places = ANYWHERE
) -> list[Fault]:
    """Find the tools of domains that are not on offer because what does their work is down.

    `withheld` has the reasons, by the tools' names or patterns of them.
    """
    return [
        places.fault(
            ("domains", domain, "tools"),
            f"{toml(tool)} is not on offer now: {'; '.join(reasons)}",
            "See to what the reason names, if it stays so; the server goes on without the tool meanwhile.",
        )
        for domain, tool in _not_on_offer(settings, offered)
        if (reasons := [reason for pattern, reason in withheld.items() if may_overlap(tool, pattern)])
    ]


def idle_approvals(
    settings: Settings,
    offered: Collection[str],
    held_back: Collection[str] = (),
    places: Places = ANYWHERE,
    withheld: Mapping[str, str] = NOTHING,
) -> list[Fault]:
    """Find the rules of approval that hold for no tool on offer: one that is misspelt guards nothing.

    What a plugin that is held back may offer, and what is withheld, is treated as in `unoffered_tools`.
    """
    return [
        places.fault(
            ("tools", "approval", rule),
            f"no plugin offers a tool named {toml(rule)}, so the rule holds for nothing",
            meant_or_held_back(rule, offered, held_back, "mdsa tools lists the tools on offer."),
        )
        for rule in settings.tools.approval
        if not any(named(one, (rule,)) for one in offered)
        and not any(may_overlap(rule, pattern) for pattern in withheld)
    ]


def denied_tools(settings: Settings, offered: Collection[str], places: Places = ANYWHERE) -> list[Fault]:
    """Find the tools of domains that may never be called, and the patterns that name none that may."""
    policy = ToolPolicy(approvals=settings.tools.approval)
    return [
        places.fault(
            ("domains", domain.name, "tools"),
            f"{toml(tool)} may never be called: approval in [tools] denies it",
            "Take it out here, or allow it there.",
        )
        for domain in settings.domains_as_vocabulary()
        for tool in domain.tools
        if (meant := [one for one in offered if named(one, (tool,))])
        and all(policy.approval(one, effects=False) == "deny" for one in meant)
    ]


def _not_on_offer(settings: Settings, offered: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give the domains' tools, or patterns of them, that name nothing on offer, each with its domain."""
    for domain in settings.domains_as_vocabulary():
        for tool in domain.tools:
            if not any(named(one, (tool,)) for one in offered):
                yield domain.name, tool
