"""The index of one scope in its user's hands: how it lies, how it routes, and changing it."""

import json
import threading
from collections.abc import Callable
from typing import Any

from .draft import one_of
from .errors import Conflict, InvalidArgument, StorageError
from .ledger import Ledger
from .meaning import Meaning
from .renewal import Renewed, Wish
from .routing.revision import ETA, Change

#: What `Rebalancing.run` can be asked for.
ACTIONS = ("auto", "build", "adapt", "split")


class Rebalancing:
    """Reports on the index of one open scope and, only when asked, gives it another shape.

    What needs doing is also done by itself when it pays, in the background.

    Args:
        closing: set when the memory closes; what runs then is ended.
    """

    def __init__(
        self,
        meaning: Meaning,
        ledger: Ledger,
        clock: Callable[[], float],
        closing: threading.Event,
    ) -> None:
        self._meaning = meaning
        self._ledger = ledger
        self._clock = clock
        self._closing = closing

    def run(
        self,
        action: str,
        *,
        bucket: int | None = None,
        force: bool = False,
        stopped: Callable[[], bool] = lambda: False,
        told: Callable[[str], None] = lambda step: None,
    ) -> Renewed:
        """Change how the index lies, on purpose; the result is published as a new generation.

        Every passage is assigned to its nearest centroid anew. Leaves an audit row.

        Args:
            action: ``auto`` does what is due, if anything; ``build`` fits a new codebook; ``adapt``
                moves centroids towards what was stored since, splits buckets that are spread out
                and removes unused ones; ``split`` splits one bucket.
            bucket: which to split.
            force: adapt even when all buckets are tight: the most spread-out one is split.
            stopped: asked ten times a second; True ends the work and leaves all as it was.
            told: called with each step when it is done.

        Raises:
            InvalidArgument: an unknown action, or a bucket that cannot be split.
            Conflict: nothing is packed yet that could be adapted or split, or another process
                builds.
            StorageError: the build failed.
        """
        proposal = self.proposal(action, bucket=bucket, force=force)
        wishes = {"auto": Wish(asked=True), "build": Wish(anyway=True, refit=True)}
        wish = wishes.get(action) or Wish(anyway=True, change=_change(action, bucket, force))
        if action == "adapt" and not (
            proposal["splits"] or proposal["prunes"] or proposal["newer"]
        ):
            return Renewed("nothing")
        renewed = self._meaning.renew(lambda: stopped() or self._closing.is_set(), wish, told)
        if renewed.status == "busy":
            raise Conflict(
                "Another process is building this index right now. What it builds is used as soon "
                "as it is there: ask for the index report in a while."
            )
        if renewed.status == "failed":
            raise StorageError(
                "The index could not be built; the log says why. Searches go on with the index "
                "there is. Free memory and disk space, then try again."
            )
        if renewed.done is not None:
            said = json.dumps(renewed.changes())
            self._ledger.note(f"index_{action}", at=self._clock(), detail=said)
        return renewed

    def proposal(
        self, action: str, *, bucket: int | None = None, force: bool = False
    ) -> dict[str, Any]:
        """What `run` would do, by name; changes nothing.

        Raises:
            InvalidArgument, Conflict: as `run`.
        """
        one_of("action", action, ACTIONS)
        if (action == "split") != (bucket is not None):
            raise InvalidArgument(
                f"Expected a bucket with action 'split' and only there, got {action!r} and bucket "
                f"{bucket}. index_report(buckets=5) names the most spread-out ones."
            )
        self._meaning.catch_up()
        index = self._meaning.index
        if action in ("auto", "build"):
            return {"due": index.due, "fits": action == "build" or index.due == "build"}
        change = _change(action, bucket, force)
        return self._meaning.renewal.answered(lambda: index.proposal(change))

    def explain(self, query: str, *, top_k: int = 10) -> dict[str, Any]:
        """How a question is routed: signals, work, calibration. Counts as no read or question."""
        asked = self._meaning.question(query)
        if asked is None:
            return {"mode": "lexical", "why": self._meaning.degraded}
        self._meaning.catch_up()
        index = self._meaning.index
        return self._meaning.renewal.answered(lambda: index.explain(asked.vector, top_k))

    def report(self, *, buckets: int = 0) -> dict[str, Any]:
        """How the vectors lie by now: mode, buckets, balance, generation, delta, bytes, drift.

        Args:
            buckets: also this many buckets, the most spread-out first.
        """
        self._meaning.catch_up()
        index = self._meaning.index

        def told() -> dict[str, Any]:
            report = index.report()
            return report | {"widest": index.widest(buckets)} if buckets else report

        return self._meaning.renewal.answered(told)


def _change(action: str, bucket: int | None, force: bool) -> Change:
    """What ``adapt`` or ``split`` may do to the codebook."""
    return Change(bucket=bucket) if action == "split" else Change(force=force, eta=ETA)
