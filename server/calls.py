"""From a tool to the core and back: a worker thread, one audit row, one place for the scopes."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from routemem.memory_core.errors import NotAllowed, RoutememError
from routemem.memory_core.settings import Settings

from .callers import caller
from .clock import clock
from .workers import Workers

if TYPE_CHECKING:
    from mcp.server.mcpserver import Context

    from routemem.memory_core import Memory, Scopes
    from routemem.memory_core.course import Course

log = logging.getLogger("routemem")
T = TypeVar("T")
#: Seconds between two looks at the sessions of the folder.
SWEEP = 3600.0


class Reins:
    """Holds a long work: asks it to stop, hears how far it is. Safe between threads.

    Args:
        steps: how many there are, of a work that names its steps.
    """

    def __init__(self, steps: int = 0) -> None:
        self._steps = steps
        self._told: list[tuple[int, int, str]] = []
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ask the work to end."""
        self._stop.set()

    def stopped(self) -> bool:
        """Whether the work should end."""
        return self._stop.is_set()

    def told(self, step: str) -> None:
        """Note a step that is done."""
        done = len(self._told) + 1
        self._told.append((done, max(self._steps, done), step))

    def at(self, done: int, total: int) -> None:
        """Note how many steps are done, and how many there are; 0: not known."""
        self._told.append((done, total, ""))

    def course(self) -> "Course":
        """The same for the core."""
        from routemem.memory_core.course import Course

        return Course(self.stopped, self.at)

    def news(self, since: int) -> tuple[int, list[tuple[int, int, str]]]:
        """What was told since then, and until when: each named step, and the last count."""
        told = self._told[since:]
        return since + len(told), [one for one in told[:-1] if one[2]] + told[-1:]


class Calls:
    """Runs core calls for the tools of one server.

    The core is imported on the first call, in its worker thread, so that the server answers
    `initialize` and `tools/list` before numpy or a model is loaded.

    Args:
        tools: names of the tools that are on; advice names no other.
        reading: those of them that change nothing.
        left: the tools that nobody has taken away, whether they are on or not.
        by_token: refuse work that no caller is known of.
    """

    def __init__(
        self,
        settings: Settings,
        tools: Collection[str] = (),
        *,
        reading: Collection[str] = (),
        left: Collection[str] = (),
        by_token: bool = False,
    ) -> None:
        self.settings = settings
        self._tools, self._reading = frozenset(tools), frozenset(reading)
        self._left = frozenset(left)
        self._by_token = by_token
        self._workers = Workers(settings.http_calls, settings.http_waiting)
        self._guard = threading.Lock()
        self._scopes: Scopes | None = None
        self._sweep_at = 0.0
        self._sweeper: threading.Thread | None = None

    @property
    def tools(self) -> frozenset[str]:
        """Names of the tools that are on for who is asking."""
        asking = caller.get()
        return self._reading if asking and asking.read_only else self._tools

    def may_tell(self, *tools: str) -> bool:
        """Whether what these tools tell may be told without them, by a resource or a prompt.

        Where a person has taken one of them away (`--exclude-tools`, `--tools`, `--toolsets`) it
        may not: else it would be taken away from the model and not from its client.
        """
        return self._left.issuperset(tools)

    async def run(self, tool: str, work: "Callable[[Scopes], tuple[Memory, T]]") -> T:
        """Do the work in a worker thread and leave an audit row with its memory.

        Args:
            work: gets the scopes; gives the memory it worked on and the result.

        Raises:
            RoutememError: as the core raised it.
        """

        def call() -> T:
            start = time.perf_counter()
            scopes = self.scopes()
            try:
                memory, result = work(scopes)
            except Exception as error:
                self.hide_folder(error)
                elapsed = (time.perf_counter() - start) * 1000
                with contextlib.suppress(RoutememError):  # the first error is the one to tell
                    scopes.look().note(tool, ms=elapsed, ok=False)
                raise
            memory.note(tool, ms=(time.perf_counter() - start) * 1000, ok=True)
            self._look_after(scopes)
            return result

        return await self._workers.run(call)

    async def look(self, work: "Callable[[Scopes], T]") -> T:
        """Do what is no call of a tool in a worker thread; no audit row is left.

        Raises:
            RoutememError: as the core raised it.
        """
        return await self._workers.run(lambda: work(self.scopes()))

    async def run_long(
        self,
        tool: str,
        work: "Callable[[Scopes, Reins], tuple[Memory, T]]",
        context: "Context[Any, Any]",
        *,
        steps: int = 0,
    ) -> T:
        """As `run`, with progress to the client; a cancelled call ends the work, then itself.

        Args:
            work: asks its reins whether to go on, and tells them how far it is.
            context: of the call.
            steps: how many there are, of a work that names its steps.

        Raises:
            RoutememError: as the core raised it.
        """
        reins = Reins(steps)
        sent = 0

        async def send() -> None:
            nonlocal sent
            sent, news = reins.news(sent)
            if not _is_heard(context):
                return
            for done, total, step in news:
                await context.report_progress(done, total or None, step or None)

        async def follow() -> None:
            try:
                while True:
                    await anyio.sleep(0.05)
                    await send()
            finally:
                reins.stop()

        # Not an exception group: what the core raised has to reach the surface as it is.
        failed: list[Exception] = []
        found: list[T] = []
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            try:
                found.append(await self.run(tool, lambda scopes: work(scopes, reins)))
            except Exception as error:
                failed.append(error)
            group.cancel_scope.cancel()
        if failed:
            raise failed[0]
        await send()
        return found[0]

    def _look_after(self, scopes: "Scopes") -> None:
        """Have sessions that are over emptied, in the background and at most once an hour."""
        now = time.monotonic()
        with self._guard:
            if self._scopes is None or now < self._sweep_at:
                return
            self._sweep_at = now + SWEEP
            self._sweeper = threading.Thread(
                target=_sweep, args=(scopes,), name="routemem-sweep", daemon=True
            )
            self._sweeper.start()

    def scopes(self) -> "Scopes":
        """The scopes of the data folder as far as who is asking may name them. Slow at first.

        Raises:
            NotAllowed: nobody is known to ask, where callers are told apart.
        """
        asking = caller.get()
        if asking is None and self._by_token:
            raise NotAllowed("It is not known whose request this is. Send it with a token.")
        with self._guard:
            if self._scopes is None:
                from routemem.memory_core.scopes import Scopes  # imports numpy and apsw

                self._scopes = Scopes(self.settings, clock=clock(self.settings))
        return self._scopes if asking is None else self._scopes.seen_by(asking.scopes, asking.id)

    def hide_folder(self, error: Exception) -> None:
        """Who asks over HTTP is not told where the files of this machine lie."""
        if caller.get() is not None and isinstance(error, RoutememError):
            error.args = tuple(self.hidden(str(told)) for told in error.args)

    def hidden(self, told: str) -> str:
        """What is told; over HTTP with names in place of the folders of this machine."""
        if caller.get() is not None:
            names = dict(_named_folders(self.settings))
            for folder in sorted(names, key=len, reverse=True):  # one may lie in another
                told = told.replace(folder, names[folder])
        return told

    def why_lexical(self, degraded: str) -> str:
        """Why there is no search by meaning; over HTTP only where to find that out.

        The reason quotes what a library said of the model's files.
        """
        if not degraded or caller.get() is None:
            return degraded
        return "The embedding model cannot be used: `routemem doctor` on the server says why."

    def close(self) -> None:
        """Close what was opened."""
        if self._sweeper is not None:
            self._sweeper.join()
        with self._guard:
            if self._scopes is not None:
                self._scopes.close()
                self._scopes = None


def _is_heard(context: "Context[Any, Any]") -> bool:
    """Whether a call came by the protocol; over REST nobody hears of its progress."""
    try:
        return context.request_context is not None
    except ValueError:  # as the SDK says that there is none
        return False


def _named_folders(settings: Settings) -> Iterator[tuple[str, str]]:
    """Folders of the settings as errors may write them, and what to call them instead."""
    model = Path(settings.embedder.strip().removeprefix("hf:").partition("?")[0]).expanduser()
    for folder, name in (
        (settings.data_path(), "the data folder"),
        (settings.key_path(), "the key folder"),
        (model, model.name),
    ):
        if name:  # an empty embedder is the bundled one
            yield str(folder.absolute()), name
            yield str(folder.resolve()), name
    if settings.embedder[:1] in ("~", "."):
        yield settings.embedder, model.name


def _sweep(scopes: "Scopes") -> None:
    try:
        scopes.sweep()
    except RoutememError as error:
        log.warning("sessions were not looked after: %s", error)
