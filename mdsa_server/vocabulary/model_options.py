"""The options of an engine's models, by Ollama's names: their types, and which of them a loaded model has for good."""

from mdsa_server.vocabulary.domain import ModelOptions

OptionType = type[bool] | type[int] | type[float] | type[str] | type[list[str]]

RUNNER_OPTIONS: dict[str, OptionType] = {
    "num_ctx": int,
    "num_batch": int,
    "num_gpu": int,
    "main_gpu": int,
    "num_thread": int,
    "use_mmap": bool,
    "use_mlock": bool,
    "low_vram": bool,
    "f16_kv": bool,
    "logits_all": bool,
    "vocab_only": bool,
    "numa": bool,
}
"""These belong to a loaded model: when one changes, Ollama loads the model anew."""

SAMPLING_OPTIONS: dict[str, OptionType] = {
    "num_keep": int,
    "seed": int,
    "num_predict": int,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "typical_p": float,
    "tfs_z": float,
    "repeat_last_n": int,
    "temperature": float,
    "repeat_penalty": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "mirostat": int,
    "mirostat_tau": float,
    "mirostat_eta": float,
    "penalize_newline": bool,
    "stop": list[str],
}
"""These may differ from one answer to the next."""

OPTIONS = RUNNER_OPTIONS | SAMPLING_OPTIONS
"""All that are known. Ollama passes over an option that it does not know."""


def runner_options(options: ModelOptions) -> ModelOptions:
    """Give those of `options` that decide how a model is loaded."""
    return {name: value for name, value in options.items() if name in RUNNER_OPTIONS}
