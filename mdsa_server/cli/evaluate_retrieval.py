"""`mdsa evaluate retrieval`: how good the search is, measured on questions whose documents are known."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from mdsa_server.cli.evaluate import FILE, bar, faulty, keep_last, require, write
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import FAILED
from mdsa_server.errors import ModelTimeout

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded
    from mdsa_server.evaluation.retrieval import Asked, RetrievalReport
    from mdsa_server.evaluation.retrieval_trial import Split, TriedDocument, TriedQuestion
    from mdsa_server.inference.embedder import Embedder
    from mdsa_server.inference.ollama_embedder import OllamaEmbedder
    from mdsa_server.knowledge.search import Rerank
    from mdsa_server.settings import Settings
    from mdsa_server.vocabulary.passages import Passage

SHOWN_MISSES = 20
# How long a reranker's model may take to be loaded, or fetched, and how often it is asked meanwhile.
LOADING_SECONDS = 600.0
LOADING_PAUSE = 0.2
PACKAGED = "all-MiniLM-L6-v2"
"""What `[embedding] model = "auto"` is called."""


@click.command()
@click.option("--documents", required=True, type=FILE, help="Documents to search, a JSON line each.")
@click.option(
    "--questions", required=True, type=FILE, help="Questions, a JSON line each, with the documents they want."
)
@click.option("--whole", is_flag=True, help="Take each document as one passage, rather than split it.")
@click.option("--floor", type=click.FloatRange(0, 1), help="End with 1 where the nDCG@10 of the whole search is less.")
@click.option("--html", type=FILE, help="Write a report with plots, and with all that was missed, to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def retrieval(
    documents: Path,
    questions: Path,
    whole: bool,
    floor: float | None,
    html: Path | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Ask questions whose documents are known, and say how often and how high the search finds them.

    A document is {"id": "7", "title": "The pump", "text": "..."}, a question {"question": "How is it oiled?",
    "relevant": ["7"]}. They are searched in a place of their own; the server's documents stay as they are.
    """
    run(_retrieval(read_configuration(config, data), documents, questions, whole, floor, html, as_json))


async def _retrieval(
    loaded: Loaded,
    documents: Path,
    questions: Path,
    whole: bool,
    floor: float | None,
    html: Path | None,
    as_json: bool,
) -> None:
    import msgspec

    from mdsa_server.configuration.fingerprints import fingerprint_of_retrieval
    from mdsa_server.evaluation.results import retrieval_evaluation
    from mdsa_server.evaluation.retrieval import report
    from mdsa_server.evaluation.retrieval_trial import read_documents, read_questions
    from mdsa_server.logs import configure_logging

    configure_logging("error", loaded.settings.logging.format)
    shelf, faults = read_documents(documents)
    wanted, more = read_questions(questions, shelf) if not faults else ([], [])
    if faults or more:
        raise faulty([*faults, *more])
    tried = await _ask(loaded, shelf, wanted, whole)
    told = report(tried.asked, documents=len(shelf), passages=tried.passages)
    model, most = loaded.settings.embedding.model, loaded.settings.knowledge.passage_tokens
    evaluation = retrieval_evaluation(
        told,
        tried.asked,
        {document.id: document.title for document in shelf},
        documents=documents.name,
        questions=questions.name,
        split="taken whole" if whole else f"split into passages of up to {most} tokens",
        embedder=f"{PACKAGED if model == 'auto' else model} ({tried.encoder})",
        reranker=loaded.settings.knowledge.reranker,
        made=datetime.now().astimezone(),
        fingerprint=fingerprint_of_retrieval(loaded.settings),
    )
    keep_last(loaded, evaluation)
    if html:
        from mdsa_server import bundled
        from mdsa_server.web.reports import retrieval_report

        write(html, retrieval_report(evaluation, bundled.templates(), bundled.static()).encode())
        click.echo(f"The report is in {html}.", err=True)
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        _print(told)
    if floor is not None and told.ndcg10[told.stages[-1]] < floor:
        click.secho(f"The whole search's nDCG@10 is below {floor:g}.", fg="red", err=True)
        sys.exit(FAILED)


class Tried(NamedTuple):
    """All questions asked, of so many passages with vectors of an encoder."""

    asked: list[Asked]
    passages: int
    encoder: str


async def _ask(loaded: Loaded, shelf: list[TriedDocument], wanted: list[TriedQuestion], whole: bool) -> Tried:
    """Take the documents in, and ask. Raises Refused where the reranker cannot be asked, PluginFault where it fails."""
    from mdsa_server.configuration.trying import tried_embedder
    from mdsa_server.evaluation.retrieval_trial import TriedLibrary
    from mdsa_server.knowledge.stop_words import stop_words
    from mdsa_server.store.database import Database

    settings, ollama_host = loaded.settings, os.environ.get("OLLAMA_HOST")
    async with AsyncExitStack() as stack:
        rerank = await _reranker(loaded, ollama_host, stack) if settings.knowledge.reranker else None
        embedder = await stack.enter_async_context(tried_embedder(loaded, ollama_host))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mdsa-retrieval-"))
        database = await Database.open(Path(folder, "tried.sqlite3"))
        stack.push_async_callback(database.close)
        stopped = stop_words(settings.knowledge.languages)
        library = TriedLibrary(database, embedder.embed_passages, stopped, rerank)
        with bar("Embedding documents")(len(shelf)) as told:
            await library.fill(shelf, _split(settings, embedder, whole), told)
        asked = []
        with bar("Asking questions")(len(wanted)) as told:
            async for one in library.ask(wanted, embedder.embed):
                asked.append(one)
                told(1)
        return Tried(asked, len(library.names), await embedder.encoder())


async def _reranker(loaded: Loaded, ollama_host: str | None, stack: AsyncExitStack) -> Rerank | None:
    """Open the plugins for the configured reranker. Raises Refused where it cannot be asked."""
    from mdsa_server.configuration.opening import make_reranker
    from mdsa_server.configuration.trying import tried_plugins

    opened = tried_plugins(loaded, (), (), ollama_host, bar("Embedding for plugins"))
    registry = (await stack.enter_async_context(opened)).registry
    require(registry, "reranker", [loaded.settings.knowledge.reranker], registry.rerankers)
    rerank = make_reranker(loaded.settings, registry)
    return patient(rerank) if rerank else None


def patient(rerank: Rerank) -> Rerank:
    """Have a reranker asked again while its model is being loaded; a search goes without it."""

    async def judged(message: str, passages: Sequence[Passage]) -> Sequence[float]:
        deadline = time.monotonic() + LOADING_SECONDS
        while True:
            try:
                return await rerank(message, passages)
            except ModelTimeout:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(LOADING_PAUSE)

    return judged


def _split(settings: Settings, embedder: Embedder | OllamaEmbedder, whole: bool) -> Split:
    from mdsa_server.evaluation import retrieval_trial
    from mdsa_server.knowledge.splitting import split
    from mdsa_server.knowledge.token_count import counter

    if whole:
        return retrieval_trial.whole
    most = settings.knowledge.passage_tokens
    count = counter(embedder.tokenizer, most)
    return lambda document: split(document, count, most)


def _print(told: RetrievalReport) -> None:
    from mdsa_server.evaluation.retrieval import MEASURE_NAMES, STAGE_NAMES

    click.echo(f"{told.questions:,} questions of {told.documents:,} documents, in {told.passages:,} passages\n")
    click.secho(f"{'':<12}" + "".join(f"{STAGE_NAMES[stage]:<26}" for stage in told.stages).rstrip(), dim=True)
    for key, name in MEASURE_NAMES.items():
        cells = []
        for stage in told.stages:
            measured = told.measures[key][stage]
            low, high = measured.interval
            cells.append(f"{measured.value:.3f}  {low:.3f} to {high:.3f}".ljust(26))
        click.echo(f"{name:<12}{''.join(cells)}".rstrip())
    click.echo(f"\nA question takes {told.embedding_ms:.1f} ms to embed and {told.search_ms:.1f} ms to search, median.")
    if told.missed:
        click.echo(f"\nOf {len(told.missed)} questions no document is among the first ten:")
        for question in told.missed[:SHOWN_MISSES]:
            click.echo(f"  {question}")
