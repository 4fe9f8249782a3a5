"""What was learnt, as bytes: so that a server that knows its examples already need not learn them again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO

import msgspec
import numpy as np

from mdsa_server.plugin_api import Prediction

from .classifier import Classifier, Judge, Sample, Scale

RECIPE = "1"
"""Change it whenever the same examples begin to be learnt otherwise."""

ARRAYS = ("weights", "biases", "owners", "rows", "starts")
PREDICTIONS = msgspec.json.Decoder(tuple[Prediction, ...])


def name_of(sample: Sample, domains: int) -> str:
    """Name a sample by all that learning goes by, its vectors included."""
    digest = hashlib.blake2b(f"{RECIPE} {domains}".encode(), digest_size=20)
    digest.update(msgspec.json.encode([sample.texts, sample.intents, sample.domains.tolist()]))
    digest.update(np.ascontiguousarray(sample.vectors, "<f4").tobytes())
    return digest.hexdigest()


def to_bytes(judge: Judge, predictions: Sequence[Prediction]) -> bytes:
    """Write what was learnt of a sample, but for its own vectors."""
    scale, stream = judge.scale, BytesIO()
    np.savez(
        stream,
        **{name: getattr(judge.classifier, name) for name in ARRAYS},
        scale=np.array([scale.temperature, *scale.usual, *scale.spread, scale.slope, scale.offset]),
        predictions=np.frombuffer(msgspec.json.encode(predictions), np.uint8),
    )
    return stream.getvalue()


def from_bytes(written: bytes, sample: Sample, domains: int) -> tuple[Judge, tuple[Prediction, ...]]:
    """Read what `to_bytes` wrote of this sample. Raises ValueError, KeyError, OSError or BadZipFile if damaged."""
    with np.load(BytesIO(written), allow_pickle=False) as kept:
        arrays = {name: kept[name] for name in ARRAYS}
        temperature, *signs, slope, offset = kept["scale"].tolist()
        predictions = PREDICTIONS.decode(kept["predictions"].tobytes())
    usual, spread = np.array(signs[:2], np.float32), np.array(signs[2:], np.float32)
    classifier = Classifier(examples=sample.vectors[arrays["rows"]], **arrays)
    return Judge(classifier, Scale(temperature, usual, spread, slope, offset), domains), predictions
