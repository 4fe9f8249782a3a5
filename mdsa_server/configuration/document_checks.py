"""What is wrong with what valid settings say about documents; pure functions but for one look at each folder.

Each gives what it finds at the place where it was written, with what to do about it.
"""

import os

from mdsa_server.configuration.checks import ANYWHERE
from mdsa_server.configuration.places import Places
from mdsa_server.settings import Settings
from mdsa_server.vocabulary.fault import Fault


def missing_folders(settings: Settings, places: Places = ANYWHERE) -> list[Fault]:
    """Find the folders of domains that are none."""
    return [
        places.fault(
            ("domains", name, "folders"),
            f"{folder} {'is no folder' if os.path.lexists(folder) else 'is not there'}",
            "Name a folder that is there; until then none of its documents is taken in.",
        )
        for name, folder in settings.folders
        if not os.path.isdir(folder)
    ]


def nothing_to_say(settings: Settings, places: Places = ANYWHERE) -> list[Fault]:
    """Find domains that answer from their documents alone, and have none."""
    return [
        places.fault(
            ("domains", domain.name, "no_passages"),
            'is "say so", and the domain has no collections: it would say of every message that nothing is there',
            "Name collections or folders, or leave it at its default.",
        )
        for domain in settings.domains_as_vocabulary()
        if domain.no_passages == "say so" and not domain.collections
    ]


def unread_passages(settings: Settings, most_tokens: int | None, places: Places = ANYWHERE) -> list[Fault]:
    """Find passages that are longer than what the embedding model reads, where it says how much that is."""
    passage = settings.knowledge.passage_tokens
    if most_tokens is None or passage <= most_tokens:
        return []
    return [
        places.fault(
            ("knowledge", "passage_tokens"),
            f"is {passage:,}, and the embedding model reads the first {most_tokens:,} of a passage: what comes "
            "behind them is not found by its meaning",
            f"Make it {most_tokens:,} at most, or take a model that reads more: [embedding] model.",
        )
    ]
