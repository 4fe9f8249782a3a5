"""Who can reach the server, and what they need for that."""

import os
import stat
from pathlib import Path

from mdsa_server.configuration.load import Loaded
from mdsa_server.store.access_keys import count_held
from mdsa_server.store.data_folder import DATABASE_FILE
from mdsa_server.store.secrets import BYTES, PEPPER_FILE
from mdsa_server.vocabulary.checkup import Check, fault, ok, warning
from mdsa_server.vocabulary.loopback import is_loopback

MAKE_A_KEY = "Make a key: mdsa keys create NAME --scope chat --scope admin."


def listening(loaded: Loaded) -> list[Check]:
    """See who can reach the server, and whether they need a key. Raises StoreUnusable where keys cannot be counted."""
    host = loaded.settings.server.host
    file = loaded.settings.data_folder / DATABASE_FILE
    keys = count_held(file) if file.exists() else 0
    told = f"{keys} access key{'' if keys == 1 else 's'}"
    if is_loopback(host) and (names := loaded.settings.server.allowed_hosts):
        reach = f"this machine can reach it, and whomever a proxy lets in that asks for {', '.join(names)}"
        if keys:
            return [ok("exposure", f"{reach}; {told}, of which everybody must show one")]
        return [warning("exposure", f"{reach}, and there is no access key to tell them apart", MAKE_A_KEY)]
    if is_loopback(host):
        needs = f"{told}, of which everybody must show one" if keys else "and nobody needs an access key"
        return [ok("exposure", f"this machine alone can reach it, {needs}")]
    if not keys:
        mend = f"{MAKE_A_KEY} Or listen on 127.0.0.1."
        return [fault("exposure", f"other machines can reach {host}, and there is no access key", mend)]
    mend = "Put a proxy with TLS in front: between machines keys can be read on the way otherwise."
    return [warning("exposure", f"other machines can reach {host}; {told}", mend)]


def secret(folder: Path) -> list[Check]:
    """See that what keys are hashed with is there, whole, and its owner's alone to read."""
    path = folder / PEPPER_FILE
    if not path.exists():
        file = folder / DATABASE_FILE
        if file.exists() and (keys := count_held(file)):
            mend = "Put it back from where it is kept, or make new keys: without it the present ones open nothing."
            return [fault(PEPPER_FILE, f"{path} is missing, and there are {keys} access keys", mend)]
        return [ok(PEPPER_FILE, "none yet")]
    if (size := path.stat().st_size) != BYTES:
        mend = "Put it back from where it is kept, or delete it and make new access keys."
        return [fault(PEPPER_FILE, f"{path} is damaged: it has {size} bytes, not {BYTES}", mend)]
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return [fault(PEPPER_FILE, f"others may read {path}", f"Keep it to its owner: chmod 600 {path}")]
    return [ok(PEPPER_FILE, "its owner's alone to read")]
