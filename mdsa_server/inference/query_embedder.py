"""Embeds messages with a small copy of the embedding model, and has that copy made where there is none.

A thread of its own opens and runs it, so that a message does not wait behind a pile of documents. Whatever goes
wrong here costs time and no message: the answer is then None, and the asker goes to the model itself.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import structlog

from mdsa_server.errors import EmbedderUnavailable
from mdsa_server.inference.embedding_model import Encode, Vectors
from mdsa_server.inference.embedding_thread import EmbeddingThread
from mdsa_server.inference.query_model import name_of_copy, open_query_model
from mdsa_server.inference.query_model_export import COPY, REFUSED

log = structlog.get_logger(__name__)

# How long a copy that is missing is left so. A server that has just started has more urgent work, and one that was
# started for a single question is gone again.
SETTLE_SECONDS = 10.0
CLOSING_SECONDS = 1.0
NEEDED = ("onnxruntime", "onnx")
# The child runs in the folder that holds the package: it finds the same code as we do.
PACKAGE_PARENT = Path(__file__).resolve().parents[2]


class Copy(Enum):
    """What is known of the copy."""

    UNKNOWN = auto()
    """Nobody has looked for it, or the model itself is not to be found."""
    MISSING = auto()
    """It is not there, and may be made."""
    READY = auto()
    OFF = auto()
    """This process does without it."""


@dataclass(frozen=True)
class Places:
    """Where the model is, and where its copy is, or else the reason why it has none."""

    model: Path
    copy: Path
    refusal: Path


class QueryEmbedder:
    """Keeps one copy in `folder`, which is its own: all else in there may be removed.

    `model` gives the embedding model's folder and fingerprint; it may take long, and raise EmbedderUnavailable.
    """

    def __init__(self, folder: Path, model: Callable[[], tuple[Path, str]]) -> None:
        self._folder = folder
        self._model = model
        # One text at a time: the copy gains nothing from batches, and each message is answered as soon as it can be.
        self._thread = EmbeddingThread(self._open, name="query embedder", batch_texts=1)
        self._copy = Copy.UNKNOWN
        self._maker: threading.Thread | None = None
        self._child: subprocess.Popen[str] | None = None
        self._closing = threading.Event()

    @property
    def ready(self) -> bool:
        """Whether messages are embedded here now."""
        return self._copy is Copy.READY

    async def embed(self, texts: Sequence[str]) -> Vectors | None:
        """Give unit vectors, shape (texts, dimensions), or None where the model itself has to be asked."""
        if self._copy in (Copy.MISSING, Copy.OFF):
            return None
        try:
            return await asyncio.wrap_future(self._thread.order(texts))
        except EmbedderUnavailable as error:
            if self.ready and not self._closing.is_set():
                self._do_without("the small copy of the embedding model failed", error.detail)
            return None

    def make_copy(self) -> None:
        """Have the copy made in the background if it is missing; to be called once the model has been loaded."""
        if self._copy is Copy.MISSING and self._maker is None and not self._closing.is_set():
            self._maker = threading.Thread(target=self._make, name="query model maker", daemon=True)
            self._maker.start()

    def close(self) -> None:
        """Finish the text in hand, and leave off making a copy."""
        self._closing.set()
        if self._child:
            self._child.terminate()
        self._thread.close()
        if self._maker:
            self._maker.join(CLOSING_SECONDS)

    def _open(self) -> Encode:
        """Open the copy. Raises EmbedderUnavailable where there is none; what follows from that is known then."""
        places = self._places()
        if lacking := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
            self._do_without("libraries are missing", f"install them: pip install {' '.join(lacking)}")
            raise _none()
        if places.refusal.exists():
            self._copy = Copy.OFF
            log.info("messages are embedded by PyTorch", reason=places.refusal.read_text("utf-8", "replace"))
            raise _none()
        if not places.copy.exists():
            self._copy = Copy.MISSING
            raise _none()
        try:
            encode = open_query_model(places.copy)
        except Exception as error:
            # A file that is cut off, made by other versions, or in the way of something: a new one mends it.
            log.warning(
                "the small copy of the embedding model is made anew", problem=f"{type(error).__name__}: {error}"
            )
            with suppress(OSError):
                places.copy.unlink()
            self._copy = Copy.MISSING
            raise _none() from error
        self._copy = Copy.READY
        return encode

    def _make(self) -> None:
        """Make the copy in a child process and open it, so that no message waits for that."""
        if self._closing.wait(SETTLE_SECONDS):
            return
        began = time.monotonic()
        try:
            places = self._places()
            # There is no copy here for this model, so what there is was for another, or left by a crash.
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._folder) as workshop:
                said = self._run_child(places.model, Path(workshop))
                if self._closing.is_set():
                    return
                for made, kept in ((COPY, places.copy), (REFUSED, places.refusal)):
                    if (Path(workshop) / made).exists():
                        os.replace(Path(workshop) / made, kept)
            if not (places.copy.exists() or places.refusal.exists()):
                self._do_without("no small copy of the embedding model could be made", said)
                return
            self._thread.order(["Open it now."]).result()
        except (OSError, EmbedderUnavailable) as error:
            if not (self._closing.is_set() or self._copy is Copy.OFF):
                self._do_without("no small copy of the embedding model could be made", str(error))
        else:
            seconds = round(time.monotonic() - began, 1)
            log.info("messages are embedded by a small copy of the model from now on", seconds=seconds)

    def _run_child(self, model: Path, workshop: Path) -> str:
        """Give how it ended, for people; what it made lies in `workshop`."""
        command = [sys.executable, "-m", "mdsa_server.inference.query_model_export", str(model), str(workshop)]
        with subprocess.Popen(  # noqa: S603  # our own module, and two paths
            command,
            # Never written to: its end is the server's.
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=PACKAGE_PARENT,
            # It has time; the other cores are for messages.
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            # Ctrl+C in a terminal is for the server, which ends the child in its turn.
            start_new_session=True,
            text=True,
            errors="replace",
        ) as child:
            self._child = child
            # It may have been closed before there was a child to end.
            if self._closing.is_set():
                child.terminate()
            # `communicate` would end its input at once.
            said = child.stderr.read() if child.stderr else ""
        *_, last = ["", *said.strip().splitlines()]
        return f"exit code {child.returncode}: {last}"

    def _places(self) -> Places:
        folder, fingerprint = self._model()
        name = name_of_copy(fingerprint)
        return Places(folder, self._folder / f"{name}.onnx", self._folder / f"{name}.txt")

    def _do_without(self, what: str, why: str) -> None:
        self._copy = Copy.OFF
        log.warning("messages are embedded by PyTorch until the next start", problem=f"{what} ({why})")


def _none() -> EmbedderUnavailable:
    """Tell the thread's asker, which is always the class above, to go on without the copy."""
    return EmbedderUnavailable("there is no small copy of the embedding model")
