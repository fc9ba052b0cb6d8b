"""Noticing that what is asked or stored no longer resembles what the codebook was fitted to."""

import math
import threading
from collections import deque
from dataclasses import dataclass

from ..errors import InvalidArgument

#: A baseline error below this counts as this: ratios to almost nothing mean nothing.
LEAST_BASELINE = 1e-3


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """The quantisation error has risen.

    Attributes:
        timestamp: the ``now`` of the record that raised it, in the caller's unit.
        ratio: mean error of the window divided by the baseline's.
        episode: number of that record, counted from 1.
        message: a sentence for a log.
    """

    timestamp: float
    ratio: float
    episode: int
    message: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Where a monitor stands.

    Attributes:
        episode: records so far.
        baseline_qerr: mean error of the baseline; None until it is complete.
        recent_qerr: mean error of the window; None without records.
        recent_margin: mean margin of the window; None without records.
        drift_ratio: recent by baseline; None until there is a baseline.
        in_drift: whether the ratio is at the alarm's.
        alarms: how many there were.
    """

    episode: int
    baseline_qerr: float | None
    recent_qerr: float | None
    recent_margin: float | None
    drift_ratio: float | None
    in_drift: bool
    alarms: int


class DriftMonitor:
    """Compares the mean quantisation error of the last records with that of the first ones.

    The first ``baseline`` records set the baseline. From then on an alarm is raised when the mean
    of the last ``window`` errors is at least ``ratio`` times the baseline, and again only after
    ``cooldown`` further records. The monitor changes nothing by itself: on an alarm its owner
    rebuilds the index and calls `reset_baseline`. Safe to use from several threads.

    Args:
        window: records averaged.
        baseline: records that make the baseline.
        ratio: of recent to baseline error that is an alarm.
        cooldown: records between two alarms at the least.
        history: records and alarms kept.

    Raises:
        InvalidArgument: a number below 1, or a ratio of at most 1.
    """

    def __init__(
        self,
        window: int = 20,
        baseline: int = 50,
        ratio: float = 1.3,
        cooldown: int = 30,
        history: int = 2000,
    ) -> None:
        if min(window, baseline, cooldown, history) < 1 or not ratio > 1:
            raise InvalidArgument(
                "Expected window, baseline, cooldown and history of at least 1 and a ratio above "
                f"1, got {window}, {baseline}, {cooldown}, {history} and {ratio}."
            )
        self.window, self.baseline, self.ratio, self.cooldown = window, baseline, ratio, cooldown
        self._history: deque[tuple[float, float]] = deque(maxlen=history)
        self._recent: deque[tuple[float, float]] = deque(maxlen=window)
        self._first: list[float] = []
        self._alarms: deque[DriftAlarm] = deque(maxlen=history)
        self._episode = 0
        self._lock = threading.Lock()

    def record(self, qerr: float, margin: float = 0.0, *, now: float = 0.0) -> DriftAlarm | None:
        """Take one query or insert into account.

        Args:
            qerr: its quantisation error, ``1 - cosine`` with the nearest centroid.
            margin: its margin; kept for the report.
            now: time of the record, for the alarm; any unit.

        Returns:
            The alarm this record raised, if it did.

        Raises:
            InvalidArgument: an error or margin that is not finite.
        """
        if not (math.isfinite(qerr) and math.isfinite(margin)):
            raise InvalidArgument(f"Expected finite qerr and margin, got {qerr} and {margin}.")
        with self._lock:
            self._episode += 1
            self._history.append((float(qerr), float(margin)))
            self._recent.append(self._history[-1])
            if len(self._first) < self.baseline:
                self._first.append(float(qerr))
                return None
            return self._raised(now)

    def reset_baseline(self) -> None:
        """Start a new baseline with the next records, as after a rebuild. Alarms stay listed."""
        with self._lock:
            self._first = []
            self._recent.clear()

    @property
    def history(self) -> tuple[tuple[float, float], ...]:
        """Errors and margins of the last records, oldest first."""
        with self._lock:
            return tuple(self._history)

    @property
    def alarms(self) -> tuple[DriftAlarm, ...]:
        """All alarms, oldest first."""
        with self._lock:
            return tuple(self._alarms)

    @property
    def drift_ratio(self) -> float | None:
        """Mean error of the window divided by the baseline's; None until there is a baseline."""
        with self._lock:
            return self._ratio()

    @property
    def in_drift(self) -> bool:
        """Whether the ratio is at the alarm's now; false again once errors have come down."""
        ratio = self.drift_ratio
        return ratio is not None and self._high(ratio)

    def report(self) -> DriftReport:
        """Where the monitor stands."""
        with self._lock:
            ratio = self._ratio()
            complete = len(self._first) == self.baseline
            return DriftReport(
                episode=self._episode,
                baseline_qerr=_mean(self._first) if complete else None,
                recent_qerr=_mean([qerr for qerr, _ in self._recent]),
                recent_margin=_mean([margin for _, margin in self._recent]),
                drift_ratio=ratio,
                in_drift=ratio is not None and self._high(ratio),
                alarms=len(self._alarms),
            )

    def _raised(self, now: float) -> DriftAlarm | None:
        ratio = self._ratio()
        if ratio is None or not self._high(ratio):
            return None
        if self._alarms and self._episode - self._alarms[-1].episode < self.cooldown:
            return None
        alarm = DriftAlarm(
            now,
            ratio,
            self._episode,
            f"The quantisation error of the last {self.window} records is {ratio:.2f} times the "
            "baseline: the codebook no longer fits. Rebuild the index.",
        )
        self._alarms.append(alarm)
        return alarm

    def _ratio(self) -> float | None:
        if len(self._first) < self.baseline or len(self._recent) < self.window:
            return None
        recent = _mean([qerr for qerr, _ in self._recent])
        base = _mean(self._first)
        assert recent is not None
        assert base is not None
        return recent / max(base, LEAST_BASELINE)

    def _high(self, ratio: float) -> bool:
        return ratio >= self.ratio * (1 - 1e-9)  # a mean of 0.26 may come out as 0.25999…


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
