"""Whether a server runs on the data folder, and whether it can do its work."""

from pathlib import Path
from typing import Literal

import httpx
import msgspec
from msgspec import Struct

from mdsa_server.store.data_folder import server_of
from mdsa_server.vocabulary.checkup import Check, fault, ok, warning

PATIENCE_SECONDS = 10.0
LOG = "Look at its log, and start it again."


class _Ready(Struct, frozen=True):
    status: Literal["ready"]
    store: str


class _NotReady(Struct, frozen=True):
    detail: str
    mend: str = LOG


async def running(folder: Path) -> list[Check]:
    """Ask the server that left word in the folder how it is."""
    address = server_of(folder)
    if address is None:
        return [ok("server", "none runs on this data folder")]
    where = f"{address.url} (process {address.pid})"
    try:
        # Loopback: the environment's web proxies are not for it.
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{address.url}/health/ready")
        # Something else may answer there, and no server of ours.
        expected: type[_Ready | _NotReady] = _Ready if answer.is_success else _NotReady
        told = msgspec.json.decode(answer.content, type=expected)
    except httpx.ConnectError:
        return [warning("server", f"one ran at {where}, and was killed", "The next one that starts tidies up.")]
    except (httpx.HTTPError, msgspec.DecodeError, ValueError) as error:
        found = f"the one at {where} does not answer as it should ({error or type(error).__name__})"
        return [fault("server", found, LOG)]
    if isinstance(told, _NotReady):
        return [fault("server", f"the one at {where} is not ready: {told.detail}", told.mend)]
    if told.store != "ok":
        found = f"the one at {where} cannot save what is said: {told.store}"
        return [fault("server", found, "Its pages and log say why.")]
    return [ok("server", f"one answers at {where}, and is ready")]
