"""When the drift monitor speaks up."""

import json
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import DriftMonitor, RoutingIndex
from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.drift import DriftAlarm


def feed(monitor: DriftMonitor, qerr: float, times: int) -> list[DriftAlarm]:
    """Record one error several times; the alarms that came."""
    alarms = [monitor.record(qerr, 0.1, now=float(i)) for i in range(times)]
    return [alarm for alarm in alarms if alarm]


def test_a_doubled_error_alarms_when_the_window_mean_is_a_third_higher() -> None:
    monitor = DriftMonitor()
    assert feed(monitor, 0.2, 50) == []
    first, second = feed(monitor, 0.4, 60)
    assert first.episode == 56  # six of twenty at 0.4: a mean of 0.26
    assert first.ratio == pytest.approx(1.3)
    assert first.timestamp == 5.0
    assert "1.30 times" in first.message
    assert second.episode == 86  # not before 30 more
    assert monitor.alarms == (first, second)


def test_no_alarm_while_nothing_changes() -> None:
    monitor = DriftMonitor()
    assert feed(monitor, 0.3, 3000) == []
    assert (len(monitor.history), monitor.in_drift) == (2000, False)


def test_no_alarm_before_the_baseline_is_complete() -> None:
    monitor = DriftMonitor()
    assert feed(monitor, 0.1, 30) + feed(monitor, 0.9, 20) == []
    assert monitor.drift_ratio is not None
    assert DriftMonitor().drift_ratio is None


def test_drift_ends_when_errors_come_down_again() -> None:
    monitor = DriftMonitor()
    feed(monitor, 0.2, 50)
    feed(monitor, 0.4, 20)
    assert monitor.in_drift
    assert monitor.drift_ratio == pytest.approx(2)
    feed(monitor, 0.2, 20)
    assert not monitor.in_drift


def test_reset_takes_a_new_baseline_from_what_comes() -> None:
    monitor = DriftMonitor()
    feed(monitor, 0.2, 50)
    assert len(feed(monitor, 0.4, 20)) == 1
    monitor.reset_baseline()
    assert (monitor.in_drift, monitor.drift_ratio) == (False, None)
    assert feed(monitor, 0.4, 200) == []
    assert monitor.report().baseline_qerr == pytest.approx(0.4)
    assert len(monitor.alarms) == 1


def test_the_report_is_plain_values() -> None:
    monitor = DriftMonitor(window=2, baseline=3, history=4)
    for qerr in (0.1, 0.2, 0.3, 0.4, 0.6):
        monitor.record(qerr, qerr / 2)
    report = json.loads(json.dumps(asdict(monitor.report())))
    assert (report.pop("in_drift"), report.pop("episode"), report.pop("alarms")) == (True, 5, 1)
    assert report == pytest.approx(
        {"baseline_qerr": 0.2, "recent_qerr": 0.5, "recent_margin": 0.25, "drift_ratio": 2.5}
    )
    assert DriftMonitor().report().recent_qerr is None


def test_a_baseline_of_zero_does_not_divide_by_zero() -> None:
    monitor = DriftMonitor()
    assert feed(monitor, 0.0, 100) == []
    assert len(feed(monitor, 0.5, 5)) == 1


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="finite"):
        DriftMonitor().record(float("nan"))
    with pytest.raises(InvalidArgument, match="ratio"):
        DriftMonitor(ratio=1)
    with pytest.raises(InvalidArgument, match="window"):
        DriftMonitor(window=0)


def test_after_an_alarm_a_new_codebook_finds_what_shifted_as_well_and_with_less_error(
    draw: Callable[..., NDArray[np.float32]],
) -> None:
    index = RoutingIndex(32, k=64, flat_until=0, rerank="fp32", merging="manual")
    monitor = DriftMonitor()
    index.add_many(np.arange(1500), draw(1500))
    index.build()
    rng = np.random.default_rng(7)
    around = rng.normal(size=(6, 32))

    def shifted(n: int) -> NDArray[np.float32]:
        drawn = around[rng.integers(0, 6, n)] + rng.normal(size=(n, 32)) / 4
        return drawn.astype(np.float32)

    def asked(questions: NDArray[np.float32]) -> tuple[float, list[DriftAlarm]]:
        """Mean R@5 through three buckets, and the alarms."""
        found, alarms = [], []
        for question in questions:
            result = index.search(question, 5, n_probes=3, return_signals=True)
            exact = index.search(question, 5, exact=True)
            assert result.signals is not None
            assert result.signals.qerr is not None
            alarms.append(monitor.record(result.signals.qerr))
            found.append(len(np.intersect1d(result.ids, exact.ids)) / 5)
        return float(np.mean(found)), [alarm for alarm in alarms if alarm]

    questions = shifted(60)
    assert asked(draw(50, seed=3))[1] == []
    index.add_many(np.arange(2000, 3500), shifted(1500))
    index.merge()  # around the codebook of the first kind
    before, alarms = asked(questions)
    assert alarms
    error = monitor.report().recent_qerr
    index.build()
    monitor.reset_baseline()
    assert monitor.drift_ratio is None
    after, alarms = asked(questions)
    assert after >= before
    assert alarms == []
    new = monitor.report().baseline_qerr
    assert new is not None
    assert error is not None
    assert new < error
