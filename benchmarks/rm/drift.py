"""H5: how soon a shift is noticed, and how often there is an alarm without one."""

from typing import Any

import numpy as np

from routemem.memory_core import Codebook, DriftMonitor

from ..claims import Options, Row, Table
from ..theirs import ask
from ..vectors import Vectors
from . import DRIVER

SEED = 42
SHUFFLES = 20
#: Records before the shift and after it.
BEFORE = AFTER = 100
TOPICS = (1, 2, 8, 32)
#: Growth of the error that must not go unnoticed: the alarm's own ratio and a little.
SHARP = 1.35
ERRORS = [0.2] * 50 + [0.4] * 50


def drift(options: Options) -> Table:
    """H5."""
    stored = options.data.stored[: options.n or None]
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    theirs: dict[str, Any] | None = None
    for topics in TOPICS:
        ours, theirs, fitted = one_of(options, stored, topics)
        raw[str(topics)] = {"ours": ours, "theirs": theirs, "fitted": fitted}
        if topics > 1:
            told = f"from 1 of {topics} topics ({fitted:,} vectors fitted) to the others"
            sharp = ours["ratio"] >= SHARP
            rows.append(
                Row(
                    f"{told}, errors {ours['ratio']:.2f} times as large; records until the alarm",
                    "11",
                    latency(theirs),
                    latency(ours),
                    f"an alarm in all {SHUFFLES} runs" if sharp else "",
                    not sharp or ours["noticed"] == SHUFFLES,
                )
            )
        rows.append(
            Row(
                f"false alarms within {'all vectors' if topics == 1 else f'1 of {topics} topics'}",
                "",
                f"{theirs['false']} of {SHUFFLES} runs" if theirs else "",
                f"{ours['false']} of {SHUFFLES} runs",
                "none" if topics == 1 else "",
                topics > 1 or ours["false"] == 0,
            )
        )
    plain = episodes(ERRORS)
    rows.append(
        Row(
            "made-up errors: 50 of .2, then .4; records of .4 until the alarm",
            "",
            f"{theirs['plain'][0] - 50}" if theirs else "",
            f"{plain[0] - 50}",
            "6, when the mean of 20 passes 1.3 times .2",
            plain[0] == 56,
        )
    )
    return Table(
        "drift",
        "The vectors are cut in topics by k-means; a codebook is fitted to four fifths of the "
        f"largest. A run records the errors of {BEFORE} vectors of the held-out fifth, then of "
        f"{AFTER} of the other topics; {SHUFFLES} runs, and {SHUFFLES} that stay within the topic. "
        "The median latency is of the runs with an alarm. Window 20, baseline 50, ratio 1.3, "
        "cooldown 30 in both: a shift that raises the error by less than a third goes unnoticed.",
        options.data.source,
        len(stored),
        rows,
        raw,
        SEED,
    )


def one_of(
    options: Options, stored: Vectors, topics: int
) -> tuple[dict[str, Any], dict[str, Any] | None, int]:
    """Ours, theirs and the number of vectors fitted, for one number of topics."""
    parts, _ = Codebook.fit(stored, topics, seed=SEED).encode_many(stored)
    largest = int(np.bincount(parts).argmax())
    rng = np.random.default_rng(SEED)
    one, other = rng.permutation(stored[parts == largest]), stored[parts != largest]
    held = len(one) // 5
    fitted, queries = one[held:], np.concatenate([one[:held], rng.permutation(other)[:2000]])
    runs = []
    for number in range(2 * SHUFFLES):
        run = rng.choice(held, BEFORE + AFTER)
        if number < SHUFFLES and topics > 1:
            run[BEFORE:] = rng.choice(np.arange(held, len(queries)), AFTER)
        runs.append(run.tolist())
    found = ask(
        DRIVER,
        options.theirs,
        {"stored": fitted, "queries": queries},
        do="drift",
        runs=runs,
        errors=ERRORS,
        seed=SEED,
    )
    book = Codebook.fit(fitted, seed=SEED)
    errors = book.encode_many(queries)[1]
    ours = summary([episodes(errors[run].tolist()) for run in runs], episodes(ERRORS))
    ours["ratio"] = float(errors[held:].mean() / errors[:held].mean()) if topics > 1 else 1.0
    theirs = summary(found["alarms"], found["plain"]) if found else None
    return ours, theirs, len(fitted)


def episodes(errors: list[float]) -> list[int]:
    """Episodes of the alarms of a run of errors."""
    monitor = DriftMonitor()
    for error in errors:
        monitor.record(error)
    return [alarm.episode for alarm in monitor.alarms]


def summary(runs: list[list[int]], plain: list[int]) -> dict[str, Any]:
    """Shifted runs come first, steady ones second."""
    first = [next((at for at in run if at > BEFORE), 0) for run in runs[:SHUFFLES]]
    return {
        "first": first,
        "noticed": sum(at > 0 for at in first),
        "early": sum(any(at <= BEFORE for at in run) for run in runs[:SHUFFLES]),
        "false": sum(bool(run) for run in runs[SHUFFLES:]),
        "plain": plain,
    }


def latency(found: dict[str, Any] | None) -> str:
    """Median records from the shift to the first alarm, and the runs that had one."""
    if not found:
        return ""
    after = [at - BEFORE for at in found["first"] if at]
    return f"{np.median(after):.0f} ({len(after)} of {SHUFFLES} runs)" if after else "never"
