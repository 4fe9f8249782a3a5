"""Results of small evaluations, made by hand for tests that keep and show them."""

from datetime import UTC, datetime

from mdsa_server.evaluation.results import RetrievalEvaluation, RouteEvaluation, retrieval_evaluation, surest_mistakes
from mdsa_server.evaluation.retrieval import Asked
from mdsa_server.evaluation.retrieval import report as retrieval_report
from mdsa_server.evaluation.route_report import report as route_report
from mdsa_server.evaluation.routes import Judged

MADE = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)


def judged(text: str, domain: str | None, surest: str, confidence: float = 0.8) -> Judged:
    return Judged(
        text=text,
        domain=domain,
        surest=surest,
        confidence=confidence,
        out_of_scope=0.1 if domain else 0.7,
        decided=surest,
        embedding_seconds=0.002,
        scoring_seconds=0.001,
    )


def of_routes(fingerprint: str = "") -> RouteEvaluation:
    """Two of four messages went to the wrong domain, one of them out of scope."""
    messages = [
        judged("sort a list", "code", "code"),
        judged("tell a joke", "general", "general"),
        judged("<b>bold</b> question", "general", "code", 0.9),
        judged("who won", None, "general"),
    ]
    return RouteEvaluation(
        report=route_report(messages, ["general", "code"]),
        mistakes=surest_mistakes(messages),
        changes=(),
        routers=("keyword_router",),
        fallback="general",
        test="messages.jsonl",
        examples="2 domains of the configuration",
        made=MADE,
        fingerprint=fingerprint,
    )


def of_retrieval(fingerprint: str = "") -> RetrievalEvaluation:
    """One of two questions was missed."""
    stages = ("bm25", "vector", "fusion")
    asked = [
        Asked(
            question=question,
            relevant=relevant,
            found=dict.fromkeys(stages, ("a", "b")),
            embedding_seconds=0.002,
            search_seconds=0.004,
        )
        for question, relevant in (("oil?", ("a",)), ("where is the <i>stove</i>?", ("c",)))
    ]
    return retrieval_evaluation(
        retrieval_report(asked, documents=3, passages=5),
        asked,
        {"a": "The pump", "c": "The stove"},
        documents="d.jsonl",
        questions="q.jsonl",
        split="taken whole",
        embedder="a model",
        reranker="",
        made=MADE,
        fingerprint=fingerprint,
    )
