"""The log: for people on a terminal, for programs elsewhere; one form for our lines and the libraries'."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

Format = Literal["auto", "pretty", "json"]

# What they tell at info level, only their own developers want to know.
CHATTY = (
    *("aiohttp", "asyncio", "filelock", "httpcore", "httpcore2", "httpx", "httpx2", "mcp", "sentence_transformers"),
    *("transformers", "uvicorn"),
)


def configure_logging(level: str, format: Format) -> None:
    """Send every log line to standard error, at `level` and above.

    `auto` is pretty on a terminal and JSON, one object a line, anywhere else.
    """
    pretty = format == "pretty" or (format == "auto" and sys.stderr.isatty())
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_pretty() if pretty else _json()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


# Neither shows the local variables of a traceback, as both would by default: messages are among them.


def _pretty() -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
    ]


def _json() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
