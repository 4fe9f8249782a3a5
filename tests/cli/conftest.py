"""A server that runs on the terminal's folder, so that commands are its clients."""

from collections.abc import AsyncIterator

import pytest

from mdsa_server.configuration import load
from mdsa_server.settings import Settings
from tests.cli.terminal import Terminal
from tests.serving import RunningServer, running


@pytest.fixture
async def server(terminal: Terminal) -> AsyncIterator[RunningServer]:
    folder = terminal.folder

    def read() -> Settings:
        return load(None, {}, folder).settings

    async with running(read(), reread=read) as server:
        yield server
