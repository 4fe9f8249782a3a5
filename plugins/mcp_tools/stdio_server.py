"""An MCP server that is a program of its own, spoken to over its standard input and output.

The SDK has a transport of this kind. This one also ends what the program has started, notices its end while others
still hold its output, tells how it ended, and reads what it writes to standard error.
"""

from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio

from .process_tree import ProcessTree, apart
from .words import one_line

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams
    from mcp.shared.message import SessionMessage
    from structlog.typing import FilteringBoundLogger

LARGEST_MESSAGE = 16_000_000
"""In bytes. A server that sends more in one message is ended: the rest of it could not be told from the next."""
LONGEST_LINE = 500
"""Of what is logged, in characters."""
# For what a program wrote before it ended, where another still holds its output open.
LAST_WORDS_SECONDS = 0.2


class StdioServer:
    """The program while it runs; the SDK's client takes it for a transport. `on_end` is called when it has ended."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        on_end: Callable[[], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._command, self._env, self._cwd = command, env, cwd
        self._on_end = on_end
        self._log = log
        self._exited = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.code: int | None = None
        """With which the program ended by itself; None where it did not."""
        self.flaw = ""
        """Why nothing more is taken from it, where that is its own doing."""
        self.said = ""
        """The last line that it wrote to standard error."""

    async def __aenter__(self) -> TransportStreams:
        """Start the program. Raises OSError where that cannot be done."""
        # Looked up here: not every system looks where the program's own PATH leads, or knows npx as npx.cmd.
        program = shutil.which(self._command[0], path=self._env.get("PATH")) or self._command[0]
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.subprocess_exec(
            lambda: _Heeding(self._exited, loop),
            *(program, *self._command[1:]),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=dict(self._env),
            cwd=self._cwd or None,
            **apart(),
        )
        self._transport = transport
        self._process = Process(transport, protocol, loop)
        self._tree = ProcessTree(self._process.pid)
        received, read_stream = anyio.create_memory_object_stream[Any](0)
        write_stream, to_send = anyio.create_memory_object_stream[Any](0)
        self._streams = (received, read_stream, write_stream, to_send)
        self._reading = self._begin(self._read(received))
        self._begin(self._write(to_send, received))
        self._listening = self._begin(self._listen())
        self._watching = self._begin(self._watch(received))
        return read_stream, write_stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the program, gently at first, and all that it has started."""
        # What the client's own end has cancelled must not cancel this one; whoever cancels the task still does.
        with anyio.CancelScope(shield=True):
            try:
                if self._reading.done():
                    # Its output has ended, and so will it: it should be known by which code.
                    await asyncio.wait([self._watching], timeout=2 * LAST_WORDS_SECONDS)
                self.code = self._process.returncode
                if self._process.stdin is not None:
                    self._process.stdin.close()
                await self._tree.end()
                await asyncio.wait([self._listening], timeout=LAST_WORDS_SECONDS)
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                for stream in self._streams:
                    stream.close()
                self._transport.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def _read(self, received: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Hand on the messages that come, until there is no more to read."""
        from mcp.shared.message import SessionMessage
        from mcp_types import jsonrpc_message_adapter

        stdout = self._process.stdout
        try:
            while stdout is not None and (line := await stdout.readline()):
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    if line.strip():
                        self._log.debug("MCP server wrote what is no message", said=_shown(line))
                    continue
                await received.send(SessionMessage(message))
        except ValueError:
            self.flaw = f"it sent a message of more than {LARGEST_MESSAGE:,} bytes"
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
            self._log.debug("MCP server is heard no more", problem=repr(error))
        received.close()
        self._on_end()

    async def _write(
        self,
        to_send: MemoryObjectReceiveStream[SessionMessage],
        received: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        stdin = self._process.stdin
        try:
            async for sent in to_send:
                if stdin is not None:
                    stdin.write(sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                    await stdin.drain()
        except (anyio.ClosedResourceError, OSError) as error:
            # Whoever waits for an answer must not wait for ever.
            self._log.debug("MCP server takes no more", problem=repr(error))
            received.close()
            self._on_end()

    async def _listen(self) -> None:
        """Log what the program says; what has no end of line is cut, not waited for."""
        stderr, rest = self._process.stderr, b""
        while stderr is not None and (block := await stderr.read(64 * 1024)):
            *lines, rest = (rest + block).split(b"\n")
            if len(rest) >= 64 * 1024:
                lines, rest = [*lines, rest], b""
            for line in filter(bytes.strip, lines):
                self.said = _shown(line)
                self._log.debug("MCP server says", said=self.said)
        if rest.strip():
            self.said = _shown(rest)

    async def _watch(self, received: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """See to it that the program's end is noticed, even while what it has started holds its output open."""
        await self._exited.wait()
        await asyncio.wait([self._reading], timeout=LAST_WORDS_SECONDS)
        received.close()
        self._on_end()


class _Heeding(SubprocessStreamProtocol):
    """Tells of the program's end as such: `Process.wait` tells of it once its output has ended too."""

    def __init__(self, exited: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=LARGEST_MESSAGE, loop=loop)
        self._when_exited = exited

    def process_exited(self) -> None:
        super().process_exited()
        self._when_exited.set()


def _shown(line: bytes) -> str:
    return one_line(line[: 4 * LONGEST_LINE].decode(errors="replace"), LONGEST_LINE)
