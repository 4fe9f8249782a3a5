"""Secrets that the server gives out: made here, and kept as keyed hashes alone."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from mdsa_server.errors import StoreUnusable

PEPPER_FILE = "access.secret"
BYTES = 32


def new_secret(prefix: str) -> str:
    """Make a secret of 256 random bits, in letters that need no quoting anywhere."""
    return prefix + secrets.token_urlsafe(BYTES)


def hashed(secret: str, pepper: bytes) -> bytes:
    """Give what is kept of a secret: HMAC-SHA256 (RFC 2104) under the folder's own key.

    A slow hash guards what people choose and others may guess. These secrets are random: nobody guesses 256 bits,
    however fast a guess is tried, and each request shows one.
    """
    return hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256")


def pepper_of(folder: Path) -> bytes:
    """Read the data folder's own key, which is made when first asked for and which only the owner may read.

    Who has the database alone, from a backup for one, can tell nothing by it. Where the file is lost, so are the keys.
    Raises StoreUnusable.
    """
    path = folder / PEPPER_FILE
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pepper = path.read_bytes()
        else:
            pepper = secrets.token_bytes(BYTES)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pepper)
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be read or made ({error.strerror})", "Check the permissions of the data folder."
        ) from error
    if len(pepper) != BYTES:
        raise StoreUnusable(
            f"{path} is damaged: it has {len(pepper)} bytes, not {BYTES}",
            "Put it back from a backup, or delete it and make new access keys.",
        )
    return pepper
