"""The log: for people on a terminal, for programs elsewhere; one form for our lines and the libraries'."""

import logging
import sys
from typing import Any, Literal

import structlog

Format = Literal["auto", "pretty", "json"]

# They tell at info level what only their own developers want to know.
CHATTY = ("httpx", "httpcore", "sentence_transformers", "filelock", "uvicorn", "asyncio", "markdown_it")


def configure_logging(level: str, format: Format) -> None:
    """Send every log line to standard error, at `level` and above.

    `auto` is pretty on a terminal and JSON, one object a line, anywhere else.
    """
    pretty = format == "pretty" or (format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty),
    ]
    rendered: list[Any] = (
        [structlog.dev.ConsoleRenderer()]
        if pretty
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
