"""A server that runs on the terminal's folder, so that commands are its clients."""

from collections.abc import AsyncIterator

import pytest

from mdsa_server.configuration import load, read
from tests.cli.terminal import Terminal
from tests.serving import RunningServer, running


@pytest.fixture
async def server(terminal: Terminal) -> AsyncIterator[RunningServer]:
    settings = load(None, {}, terminal.folder).settings
    async with running(settings, reread=lambda: read(None, {}, terminal.folder)) as server:
        yield server
