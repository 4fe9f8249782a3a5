"""An engine's address, which may hold a name and a password: as it is shown, and what it shows to the engine."""

from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit


def bare(url: str) -> str:
    """Give an address without what stands before its host: nobody is to see that."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def authorization(url: str, api_key: str | None) -> dict[str, str]:
    """Give the header for the name and password in an address (RFC 7617), else for a key (RFC 6750), if any."""
    credentials, _, _ = urlsplit(url).netloc.rpartition("@")
    if credentials:
        return {"Authorization": f"Basic {b64encode(unquote(credentials).encode()).decode()}"}
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
