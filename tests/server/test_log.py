"""The log: one line per event on stderr, and no exception's text."""

import logging
from collections.abc import Iterator

import pytest
from mcp.server import MCPServer

from routemem.memory_core.errors import InvalidArgument
from routemem.server import log

OURS = "routemem.server.test"


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """Put back what configure changes."""
    loggers = [logging.getLogger(), logging.getLogger("routemem")]
    before = [(each.level, list(each.handlers)) for each in loggers]
    yield
    for each, (level, handlers) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.handlers = handlers


def crash(text: str) -> None:
    try:
        raise ValueError(f"inner {text}")
    except ValueError as error:
        raise KeyError(f"outer {text}") from error


def test_an_exception_is_logged_on_one_line_without_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("warning")
    try:
        crash("secret")
    except KeyError:
        logging.getLogger(OURS).exception("it\nfailed")
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "ERROR routemem.server.test: it failed" in err
    assert "KeyError at test_log.py:" in err
    assert "; from ValueError at test_log.py:" in err
    assert "secret" not in err


def test_our_level_is_as_asked_and_everybody_elses_warning_at_least(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("Debug")
    logging.getLogger(OURS).debug("ours")
    logging.getLogger("mcp.server").info("theirs")
    logging.getLogger("mcp.server").warning("their warning")
    err = capsys.readouterr().err
    assert "ours" in err
    assert "theirs" not in err
    assert "their warning" in err


def test_configuring_twice_logs_once(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.configure("ERROR")
    logging.getLogger(OURS).error("once")
    logging.getLogger(OURS).warning("never")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_sdk_adds_no_handler_of_its_own() -> None:
    root = logging.getLogger()
    root.handlers = []
    log.configure()
    mine = list(root.handlers)
    MCPServer("x")
    assert root.handlers == mine


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="'loud' is not one of DEBUG, INFO"):
        log.configure("loud")
