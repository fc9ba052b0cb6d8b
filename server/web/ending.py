"""How the server ends: what was asked is answered first, then the streams are closed.

Streams stay open for as long as their clients like, and answers travel on them; by itself the
library that serves them cuts them at the first signal.
"""

import asyncio
import time

import uvicorn
from sse_starlette.sse import AppStatus

from .metrics import Metrics

#: Seconds between two looks, and that the last answer is given to leave.
_LOOK, _LAST_WORDS = 0.05, 0.1


async def close_streams(server: uvicorn.Server, metrics: Metrics, grace: float) -> None:
    """Wait until the server is told to end, then until all calls are answered or time is up."""
    AppStatus.enable_automatic_graceful_drain = False
    while not server.should_exit:
        await asyncio.sleep(_LOOK)
    end = time.monotonic() + grace
    while metrics.calls and time.monotonic() < end:
        await asyncio.sleep(_LOOK)
    await asyncio.sleep(_LAST_WORDS)
    AppStatus.should_exit = True
