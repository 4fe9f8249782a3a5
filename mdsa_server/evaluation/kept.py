"""The last evaluation of each kind, kept in the data folder: a small file each, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from mdsa_server.evaluation.results import RetrievalEvaluation, RouteEvaluation

log = structlog.get_logger(__name__)

Evaluation = TypeVar("Evaluation", RouteEvaluation, RetrievalEvaluation)

FOLDER = "evaluations"
FILES = {RouteEvaluation: "routes.json", RetrievalEvaluation: "retrieval.json"}


def keep(data_folder: Path, evaluation: RouteEvaluation | RetrievalEvaluation) -> None:
    """Put an evaluation in the place of the last one of its kind. Raises OSError where it cannot be written."""
    folder = data_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=".new")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(evaluation))
            file.flush()
            os.fsync(file.fileno())  # Else a power cut might leave an empty file under the new name.
        written.replace(folder / FILES[type(evaluation)])
    except OSError:
        written.unlink(missing_ok=True)
        raise


def last(data_folder: Path, kind: type[Evaluation]) -> Evaluation | None:
    """Give the last evaluation of a kind; None where there is none, or it cannot be read, which the log then says."""
    file = data_folder / FOLDER / FILES[kind]
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("evaluation cannot be read", file=str(file), problem=str(error), mend="Evaluate again.")
        return None
