"""Configurations for tests: a file in a folder, loaded as the server does it."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from mdsa_server.configuration import Loaded, load
from mdsa_server.errors import ConfigurationInvalid
from mdsa_server.vocabulary.fault import Fault

GENERAL = """
[domains.general]
description = "Anything"
"""


def load_text(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Loaded:
    """Load `text` as the mdsa.toml of `folder`."""
    (folder / "mdsa.toml").write_text(dedent(text), "utf-8")
    return load(None, environ or {}, folder, overrides)


def faults_in(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> tuple[Fault, ...]:
    """Load `text` and give the faults it is refused for."""
    with pytest.raises(ConfigurationInvalid) as refused:
        load_text(folder, text, environ, overrides)
    return refused.value.faults


def domains(folder: Path, **tables: str) -> Loaded:
    """Load domains by name and the lines of their tables, all with a description."""
    text = '[routing]\nfallback = "one"\n'
    for name, lines in tables.items():
        text += f'[domains.{name}]\ndescription = "x"\n{lines}\n'
    return load_text(folder, text)
