"""Logging to stderr: one line per event, ids and sizes only.

Exceptions are logged by type and place. Their texts are left out: they quote what was stored.
"""

import logging
import sys
from pathlib import Path
from traceback import extract_tb
from types import TracebackType

from routemem.memory_core.errors import InvalidArgument

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FRAMES = 8
#: These warn of whatever a client sends, the first in its words, the second with bad advice: heard
#: when they have an error to tell.
_TALKATIVE = ("mcp.server.sse", "uvicorn.error")

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure(level: str = "WARNING") -> None:
    """Send the process's log to stderr; call it before a server is built.

    The SDK gives the root logger a handler of its own if it has none, with whole tracebacks. Our
    loggers log from ``level`` up. Everybody else's from WARNING up at least: below that the SDK's
    own messages quote requests.

    Args:
        level: one of ``LEVELS``, in any case.

    Raises:
        InvalidArgument: no such level.
    """
    name = level.strip().upper()
    if name not in LEVELS:
        raise InvalidArgument(f"Log level {level!r} is not one of {', '.join(LEVELS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, _OneLine):
            root.removeHandler(old)
    root.addHandler(handler)
    number: int = getattr(logging, name)
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger("routemem").setLevel(number)
    for talkative in _TALKATIVE:
        logging.getLogger(talkative).setLevel(max(number, logging.ERROR))


def where(error: BaseException) -> str:
    """Say what was raised and where, without the exception's text: innermost frame first.

    Causes follow: ``KeyError at recall.py:12 read < app.py:40 call; from OSError at …``.
    """
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < _FRAMES:
        frames = extract_tb(cause.__traceback__)[-_FRAMES:]
        places = [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in reversed(frames)]
        told.append(f"{type(cause).__name__} at {' < '.join(places) or 'no frame'}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "; from ".join(told)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # Another handler's formatter may have left its own rendering of the exception here.
        theirs, record.exc_text = record.exc_text, None
        line = " ".join(super().format(record).splitlines())
        record.exc_text = theirs
        return line

    def formatException(self, ei: _ExcInfo) -> str:
        return "" if ei[1] is None else where(ei[1])
