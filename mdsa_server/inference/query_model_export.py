"""Makes the query model from the embedding model, in a process of its own: python -m ... MODEL_FOLDER WORKSHOP.

Exporting holds Python's lock for seconds and needs several times the model's memory. In a process of its own, with
low priority, neither touches a message. What comes out lies in WORKSHOP: COPY, or REFUSED with the reason in it
where this model has no good copy. Any other end is a failure that another try may not meet. It ends when its stdin
does, which is also when the server was killed.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mdsa_server.inference.embedding_model import Encode, Vectors, encode_with, open_model
from mdsa_server.inference.query_model import TOKENIZER, TOKENS, VECTOR, open_query_model

COPY, REFUSED = "copy.onnx", "refused.txt"

OPSET = 17
LARGEST = 150_000_000
"""Parameters. Making a copy takes memory for several; beside models that answer, a larger one could be too many."""

# These do the same with every text, whatever its tokens, so that one run can be written down as a graph.
TRACEABLE = {"Transformer", "Pooling", "Dense", "Normalize"}
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}

# What 8 bits cost: the probes come out at 0.957 or better, 0.989 in the mean, and a message is routed as before. A copy
# that pools, cuts or reads text in another way is off by far more, and so is one whose numbers overflow.
WORST_COSINE, MEAN_COSINE = 0.93, 0.98

PROBES = (
    "Hello",
    "thanks!",
    "How do I sort a list of dictionaries by a key in Python?",
    "what is the capital of australia",
    "My knee hurts when I climb stairs; should I see a doctor?",
    "Transfer 250 euros from my savings to my checking account.",
    "WHY IS MY ORDER STILL NOT HERE???",
    "Summarize the following contract clause in plain English.",
    "SELECT name, count(*) FROM orders GROUP BY name HAVING count(*) > 3;",
    "for i in range(10): print(i ** 2)",
    "Wie wird das Wetter morgen in München?",
    "¿Dónde está la biblioteca más cercana?",
    "Solve 3x^2 - 5x + 2 = 0 and show each step.",
    "Book a table for four at an Italian restaurant on Friday at 7 pm",
    "The mitochondrion is the powerhouse of the cell.",
    "Traceback (most recent call last): KeyError: 'user_id'",
    "turn off the lights in the kitchen and set an alarm for 6:30",
    "Translate 'good morning' into Japanese: おはようございます",
    "Is it legal to record a phone call without consent in California?",
    "lol ok 😀👍",
    "https://example.com/a/b?c=1&d=2#e",
    "Explain the difference between TCP and UDP, and when each of them is the better choice for a game server.",
    "I would like to return the blue jacket that I bought last week, because one of its sleeves is torn. " * 3,
    "A very long message says the same thing over and over, so that it has to be cut somewhere. " * 40,
)
"""What people may write: topics, languages, code, noise; from one word to more than any model reads."""


class Unsuitable(Exception):
    """This model has no good copy, and trying again would change nothing."""


def make(model_folder: Path, workshop: Path) -> None:
    """Leave COPY or REFUSED in `workshop`. Raises EmbedderUnavailable, and what the tools raise."""
    model = open_model(model_folder, offline=True, threads=0)
    try:
        require_suitable(model)
        tokenizer = tokenizer_of(model)
        with warnings.catch_warnings():
            # The exporter says at length that there is a newer one; that one needs more packages and is slower.
            warnings.simplefilter("ignore")
            export(model, tokenizer, workshop)
        require_like(encode_with(model)(PROBES), open_query_model(workshop / COPY))
    except Unsuitable as error:
        (workshop / COPY).unlink(missing_ok=True)
        (workshop / REFUSED).write_text(str(error), "utf-8")


def require_suitable(model: Any) -> None:
    """Raise Unsuitable where the copy, which sees the tokens of one text and nothing else, could not do the same."""
    kinds = [type(module).__name__ for module in model]
    if kinds[:1] != ["Transformer"] or not TRACEABLE.issuperset(kinds):
        raise Unsuitable(f"it is built of {', '.join(kinds)}")
    if getattr(model.tokenizer, "backend_tokenizer", None) is None:
        raise Unsuitable("its tokenizer is written in Python")
    if prompt := model.prompts.get(model.default_prompt_name):
        raise Unsuitable(f"it puts {prompt!r} before every text")
    if (parameters := sum(weights.numel() for weights in model.parameters())) > LARGEST:
        raise Unsuitable(f"it has {parameters:,} parameters; up to {LARGEST:,} are copied")


def tokenizer_of(model: Any) -> str:
    """Give the tokenizer as the `tokenizers` library writes it down. Raises Unsuitable where it reads otherwise."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(model.max_seq_length)
    for probe in PROBES:
        if tokenizer.encode(probe).ids != _features(model, probe)["input_ids"][0].tolist():
            raise Unsuitable("its tokenizer does more than can be written down")
    return tokenizer.to_str()


def export(model: Any, tokenizer: str, workshop: Path) -> None:
    """Write the copy: the whole model, from the tokens of one text to its unit vector, in 8 bits."""
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    features = _features(model, PROBES[2])
    if not INPUTS.issuperset(features):
        raise Unsuitable(f"it reads {', '.join(features)}")

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            # A text alone is not padded, and is one segment: all but its tokens is known.
            known = {"attention_mask": torch.ones_like(tokens), "token_type_ids": torch.zeros_like(tokens)}
            given = {"input_ids": tokens} | {name: known[name] for name in features if name in known}
            vectors: torch.Tensor = self.model(given)["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, dim=-1)

    full = workshop / "full.onnx"
    torch.onnx.export(
        # In training mode, which is a new module's, the exporter would write dropout down.
        Whole().eval(),
        (features["input_ids"],),
        str(full),
        input_names=[TOKENS],
        output_names=[VECTOR],
        dynamic_axes={TOKENS: {1: "length"}},
        opset_version=OPSET,
        dynamo=False,
    )
    # Without the reduced range, processors that have no VNNI add up to more than their 16 bits hold.
    quantize_dynamic(full, workshop / COPY, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    full.unlink()
    copy = onnx.load(workshop / COPY)
    onnx.helper.set_model_props(copy, {TOKENIZER: tokenizer})
    onnx.save(copy, workshop / COPY)


def require_like(right: Vectors, copy: Encode) -> None:
    """Raise Unsuitable where the copy's vectors of the probes are not near enough to the `right` ones."""
    cosines = np.einsum("ij,ij->i", right, copy(PROBES))
    worst, mean = float(cosines.min()), float(cosines.mean())
    # Not <: what is not a number is not near either.
    if not (worst >= WORST_COSINE and mean >= MEAN_COSINE):
        raise Unsuitable(f"its copy is not near enough to it: cosines from {worst:.3f}, {mean:.3f} in the mean")


def _features(model: Any, text: str) -> dict[str, Any]:
    """Give what the model reads of a text, as tensors by name."""
    prepare = getattr(model, "preprocess", None) or model.tokenize
    return {name: value for name, value in prepare([text]).items() if hasattr(value, "shape")}


def end_with_stdin() -> None:
    """Wait for the end of stdin, and end the process, whatever it does."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def main(arguments: Sequence[str]) -> None:
    model_folder, workshop = map(Path, arguments)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(15)
    # What is said last is told where this fails; the tools' advice would stand there in place of the reason.
    logging.disable(logging.WARNING)
    make(model_folder, workshop)


if __name__ == "__main__":
    main(sys.argv[1:])
