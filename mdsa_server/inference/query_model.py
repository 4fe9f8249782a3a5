"""The query model: a small copy of the embedding model that embeds one message on one core in a few milliseconds.

It is one ONNX file. Its weights are 8-bit, its input is the tokens of a single text, and its tokenizer travels in
its metadata, so that nothing else is needed to use it. `query_model_export` makes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mdsa_server.inference.embedding_model import Encode, Vectors

RECIPE = "int8-1"
"""Names the way from model to copy in fingerprints: change it whenever the same model begins to give another copy."""

# Names within the file.
TOKENS, VECTOR, TOKENIZER = "tokens", "vector", "tokenizer"

QUIET = 3
"""ONNX Runtime's severity from which it writes to stderr: errors. Its warnings tell of hardware that is not there."""


def name_of_copy(fingerprint: str) -> str:
    """Name the copy of the model with this fingerprint, for files and for indexes of its vectors."""
    return f"{RECIPE}-{fingerprint}"


def open_query_model(file: Path) -> Encode:
    """Load the copy: some tenths of a second, most of it imports, PyTorch not among them.

    The encoder that is given takes texts one by one: a batch would be no faster, and a text's 8-bit activations
    would depend on its company. Raises ImportError, and whatever ONNX Runtime makes of a damaged file.
    """
    import onnxruntime
    from tokenizers import Tokenizer

    onnxruntime.set_default_logger_severity(QUIET)
    options = onnxruntime.SessionOptions()
    # The other cores are for the models that answer; one thread also means that none spins while it waits.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_str(session.get_modelmeta().custom_metadata_map[TOKENIZER])

    def encode(texts: Sequence[str]) -> Vectors:
        alone = ([tokenizer.encode(text).ids] for text in texts)
        vectors: Vectors = np.concatenate(
            [session.run([VECTOR], {TOKENS: np.array(tokens, np.int64)})[0] for tokens in alone]
        )
        return vectors

    _require_sound(encode(["Is all of it there?"]))
    return encode


def _require_sound(vectors: Vectors) -> None:
    """Raise ValueError where the numbers are not those of unit vectors, as damaged weights give them."""
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
        raise ValueError("it gives no unit vectors")
