"""The process that holds the weights: llama.cpp behind HTTP on loopback, for this package alone.

A process of its own, as Ollama's runners are: loading does not stop the stand-in's event loop, unloading
gives the memory back, and neither a crash nor a computation that cannot be stopped takes more than this.

It reads one line of JSON on stdin (weights, context, slots, key), answers `{"url": ...}` on stdout when
the model is loaded, and ends when stdin does.
"""

import json
import os
import sys
from contextlib import suppress
from typing import Any

# How much of a prompt is worked on before anything else gets a turn: 128 tokens are under a second on
# one slow core, and larger batches are not faster. An embedded text has to fit into one batch.
BATCH_TOKENS = 128


def main() -> None:
    order = json.loads(sys.stdin.buffer.readline())
    answers = os.fdopen(os.dup(1), "w")
    # llama.cpp logs to stdout as well.
    os.dup2(2, 1)
    server = load(order)
    print(json.dumps({"url": server.listening_address}), file=answers, flush=True)
    read_to_end()
    os._exit(0)


def read_to_end() -> None:
    """Wait until stdin ends, be it because the parent closed it or because there is no parent any more."""
    with suppress(OSError):
        while os.read(0, 4096):
            pass


def load(order: dict[str, Any]) -> Any:
    """Load the weights and listen on a free port. Raises RuntimeError where the file cannot be loaded."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order["weights"]
    # One cache for all slots: with one for each, texts that are embedded at once are pooled wrongly.
    params.kv_unified = True
    params.kv_unified_per_slot = order["context"]
    params.n_ctx = order["context"] * order["slots"]
    params.n_parallel = order["slots"]
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    # Several threads wait for each other in busy loops: where cores are shared that costs nine tenths
    # of the speed, and a model this small gains little from them where they are not.
    for threads in (params.cpuparams, params.cpuparams_batch):
        threads.n_threads, threads.poll = 1, 0
    # Mean pooling makes embeddings of a chat model comparable; completions work beside it.
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.warmup = False
    params.cache_ram_mib = 0
    params.verbosity = 1
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [order["key"]]
    params.ui = False
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
