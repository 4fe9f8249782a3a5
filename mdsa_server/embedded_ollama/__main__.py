"""`python -m mdsa_server.embedded_ollama`: serve until stdin ends, which it does when the parent does."""

import argparse
import asyncio
import json
import logging
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path

from mdsa_server.embedded_ollama.api import Api
from mdsa_server.embedded_ollama.application import serve
from mdsa_server.embedded_ollama.model import NAME, SLOTS, WEIGHTS_PACKAGE, Model, find_weights
from mdsa_server.embedded_ollama.residency import Residency
from mdsa_server.embedded_ollama.runner import Runner
from mdsa_server.embedded_ollama.runner_process import read_to_end

log = logging.getLogger("embedded_ollama")

# The version of Ollama whose wire this is, and that this is not it.
VERSION = "0.9.3-embedded"
# How long an orderly end may take before the process ends regardless.
GRACE_SECONDS = 2.0


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m mdsa_server.embedded_ollama", description=__doc__)
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    chosen = options.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    weights = find_weights()
    if weights is None:
        sys.exit(f"The weights of {NAME} are not installed ({WEIGHTS_PACKAGE}): mdsa models install-embedded")
    asyncio.run(run(weights, chosen.host, chosen.port))
    # Threads that read a pipe cannot be ended, and there is nothing left to be done in order.
    os._exit(0)


async def run(weights: Path, host: str, port: int) -> None:
    ended = asyncio.Event()
    residency = Residency(partial(Runner.start, weights, slots=SLOTS))
    runner, url = await serve(Api(Model(weights), residency, VERSION).application(), host, port)
    print(json.dumps({"url": url}), flush=True)
    log.info("%s at %s; it is small, and its answers are too", NAME, url)
    threading.Thread(target=wait_for_parent, args=(asyncio.get_running_loop(), ended), daemon=True).start()
    await ended.wait()
    residency.end()
    await runner.cleanup()


def wait_for_parent(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Read stdin to its end, then see to it that the process ends, orderly or not."""
    read_to_end()
    loop.call_soon_threadsafe(ended.set)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
