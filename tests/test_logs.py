"""The log: one form for all lines, nothing in it that was said."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from mdsa_server.logs import Format, configure_logging


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_off_a_terminal_each_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "auto")
    structlog.get_logger("mdsa_server.somewhere").info("something happened", count=3)
    captured = capsys.readouterr()
    line = json.loads(captured.err)
    assert captured.out == ""
    assert (line["event"], line["count"], line["level"]) == ("something happened", 3, "info")
    assert line["logger"] == "mdsa_server.somewhere"


def test_lines_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    logging.getLogger("library").warning("%s of %s", 1, 2)
    assert json.loads(capsys.readouterr().err)["event"] == "1 of 2"


def test_what_is_bound_to_a_request_is_in_each_of_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    with structlog.contextvars.bound_contextvars(request="r1"):
        structlog.get_logger("mdsa_server").info("ours")
        logging.getLogger("library").warning("theirs")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["request"] for line in lines] == ["r1", "r1"]


def test_less_important_lines_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "pretty")
    structlog.get_logger("mdsa_server").info("too quiet")
    structlog.get_logger("mdsa_server").warning("loud enough")
    written = capsys.readouterr().err
    assert "too quiet" not in written
    assert "loud enough" in written


def test_chatty_libraries_are_heard_only_when_something_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug", "json")
    logging.getLogger("httpx").info("HTTP Request: GET ...")
    logging.getLogger("httpx").warning("odd")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["odd"]


@pytest.mark.parametrize("format", ["pretty", "json"])
def test_a_traceback_does_not_tell_what_was_said(capsys: pytest.CaptureFixture[str], format: Format) -> None:
    configure_logging("info", format)
    message = " ".join(["my", "secret"])
    try:
        raise RuntimeError(len(message))
    except RuntimeError:
        structlog.get_logger("mdsa_server").exception("it broke")
    written = capsys.readouterr().err
    assert "RuntimeError: 9" in written
    assert "my secret" not in written
