"""Fingerprints of what an evaluation measures: equal ones measured the same configuration."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from mdsa_server.settings import Settings

if TYPE_CHECKING:
    from mdsa_server.chat.desk import Team

LENGTH = 16


def fingerprint_of_routing(settings: Settings, team: Team) -> str:
    """Give one of all that decides which domain answers: what is taught, who is asked, and how sure they must be."""
    taught = [
        (domain.name, domain.description, [(one.text, one.intent) for one in domain.examples], domain.keywords)
        for domain in team.domains.values()
    ]
    terms = (team.routers, team.fallback, team.min_confidence, team.target_precision, team.on_tie)
    routers = {name: table for name, table in settings.plugins.items() if name in team.routers}
    return _hashed(taught, terms, routers, _embedding(settings))


def fingerprint_of_retrieval(settings: Settings) -> str:
    """Give one of all that decides what a search finds, but for the documents."""
    knowledge = settings.knowledge
    reranker = settings.plugins.get(knowledge.reranker, {})
    return _hashed(knowledge.passage_tokens, knowledge.languages, knowledge.reranker, reranker, _embedding(settings))


def _embedding(settings: Settings) -> tuple[str, str]:
    return settings.embedding.provider, settings.embedding.model


def _hashed(*facts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, enc_hook=str)).hexdigest()[:LENGTH]
