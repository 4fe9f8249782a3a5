"""`mdsa evaluate retrieval`: how good the search is, measured on questions whose documents are known."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mdsa_server.cli.evaluate import FILE, bar, faulty
from mdsa_server.cli.options import configuration_options, read_configuration, run
from mdsa_server.cli.problems import FAILED

if TYPE_CHECKING:
    from mdsa_server.configuration import Loaded
    from mdsa_server.evaluation.retrieval import RetrievalReport
    from mdsa_server.evaluation.retrieval_trial import Split
    from mdsa_server.inference.embedder import Embedder
    from mdsa_server.inference.ollama_embedder import OllamaEmbedder
    from mdsa_server.settings import Settings

SHOWN_MISSES = 20
MEASURES = {
    "ndcg10": "nDCG@10",
    "mrr10": "MRR@10",
    "recall1": "recall@1",
    "recall5": "recall@5",
    "recall10": "recall@10",
}


@click.command()
@click.option("--documents", required=True, type=FILE, help="Documents to search, a JSON line each.")
@click.option(
    "--questions", required=True, type=FILE, help="Questions, a JSON line each, with the documents they want."
)
@click.option("--whole", is_flag=True, help="Take each document as one passage, rather than split it.")
@click.option("--floor", type=click.FloatRange(0, 1), help="End with 1 where the nDCG@10 of the whole search is less.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@configuration_options
def retrieval(
    documents: Path,
    questions: Path,
    whole: bool,
    floor: float | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Ask questions whose documents are known, and say how often and how high the search finds them.

    A document is {"id": "7", "title": "The pump", "text": "..."}, a question {"question": "How is it oiled?",
    "relevant": ["7"]}. They are searched in a place of their own; the server's documents stay as they are.
    """
    run(_retrieval(read_configuration(config, data), documents, questions, whole, floor, as_json))


async def _retrieval(
    loaded: Loaded, documents: Path, questions: Path, whole: bool, floor: float | None, as_json: bool
) -> None:
    import msgspec

    from mdsa_server.configuration.trying import tried_embedder
    from mdsa_server.evaluation.retrieval import report
    from mdsa_server.evaluation.retrieval_trial import TriedLibrary, read_documents, read_questions
    from mdsa_server.knowledge.stop_words import stop_words
    from mdsa_server.logs import configure_logging
    from mdsa_server.store.database import Database

    configure_logging("error", loaded.settings.logging.format)
    shelf, faults = read_documents(documents)
    wanted, more = read_questions(questions, shelf) if not faults else ([], [])
    if faults or more:
        raise faulty([*faults, *more])
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(tried_embedder(loaded, os.environ.get("OLLAMA_HOST")))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mdsa-retrieval-"))
        database = await Database.open(Path(folder, "tried.sqlite3"))
        stack.push_async_callback(database.close)
        library = TriedLibrary(database, embedder.embed_passages, stop_words(loaded.settings.knowledge.languages))
        with bar("Embedding documents")(len(shelf)) as told:
            await library.fill(shelf, _split(loaded.settings, embedder, whole), told)
        asked = [one async for one in library.ask(wanted, embedder.embed)]
    told_of = report(asked, documents=len(shelf), passages=len(library.names))
    if as_json:
        click.echo(msgspec.json.encode(told_of))
    else:
        _print(told_of)
    if floor is not None and told_of.ndcg10["fusion"] < floor:
        click.secho(f"The whole search's nDCG@10 is below {floor:g}.", fg="red", err=True)
        sys.exit(FAILED)


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
    click.echo(f"{told.questions:,} questions of {told.documents:,} documents, in {told.passages:,} passages\n")
    stages = {"bm25": "words", "vector": "meaning", "fusion": "both"}
    click.secho(f"{'':<12}" + "".join(f"{name:<26}" for name in stages.values()).rstrip(), dim=True)
    for key, name in MEASURES.items():
        cells = []
        for stage in stages:
            measured = told.measures[key][stage]
            low, high = measured.interval
            cells.append(f"{measured.value:.3f}  {low:.3f} to {high:.3f}".ljust(26))
        click.echo(f"{name:<12}{''.join(cells)}".rstrip())
    click.echo(f"\nA question takes {told.embedding_ms:.1f} ms to embed and {told.search_ms:.1f} ms to search, median.")
    if told.missed:
        click.echo(f"\nOf {len(told.missed)} questions no document is among the first ten:")
        for question in told.missed[:SHOWN_MISSES]:
            click.echo(f"  {question}")
