"""What an earlier system claims, what its code does here, and what ours does: one table a claim.

A program lists its experiments; each gives a `Table`. Raw figures are written beside it, one file
an experiment. A row may carry a check: what we say of ourselves in it. If one does not hold the
table says so and the program ends with status 1.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .vectors import OWN, Data, given, made

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        what: is measured.
        claim: the published figure; "" if there is none.
        theirs: the same from their code, or from their rule if the row says so; "" if not run.
        ours: the same from ours.
        check: a sentence about ours that must hold; "" if nothing is said.
        holds: whether it does.
    """

    what: str
    claim: str = ""
    theirs: str = ""
    ours: str = ""
    check: str = ""
    holds: bool = True


@dataclass(frozen=True)
class Table:
    """One experiment.

    Attributes:
        title: what it is about.
        definition: of what is measured, the same for theirs and ours.
        data: what it was measured on.
        n: items stored.
        seed: of every random choice of ours; theirs is given the same where it takes one.
        rows: lines.
        raw: unrounded figures.
    """

    title: str
    definition: str
    data: str
    n: int
    rows: list[Row]
    raw: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def holds(self) -> bool:
        """Whether every check does."""
        return all(bool(row.holds) for row in self.rows)


@dataclass(frozen=True)
class Options:
    """What a reader asks for.

    Attributes:
        only: names of experiments; empty for all.
        vectors: folder as `benchmarks.vectors` says; None to make vectors here.
        theirs: folder the earlier system's package can be imported from; None not to run it.
        text: file or folder of the reader's own texts or conversations.
        n: items to store; 0 for the size of the claim.
        queries: at most so many of each kind.
        out: folder for raw figures.
    """

    only: tuple[str, ...] = ()
    vectors: Path | None = None
    theirs: Path | None = None
    text: Path | None = None
    n: int = 0
    queries: int = 300
    out: Path = RESULTS

    @cached_property
    def data(self) -> Data:
        """The vectors, loaded or made once."""
        return given(self.vectors) if self.vectors else made(OWN)


Experiment = Callable[[Options], Table]


def percent(share: float) -> str:
    """``12.3 %``."""
    return f"{share:.1%}".replace("%", " %")


def shown(name: str, table: Table) -> str:
    """A table in Markdown."""
    lines = [f"\n## {name}: {table.title}\n", table.definition, ""]
    lines += [f"Data: {table.data}. n = {table.n:,}, seed {table.seed}.", ""]
    lines += ["| | claim | their code | ours | check |", "|---|---|---|---|---|"]
    for row in table.rows:
        check = row.check and f"{row.check}: {'holds' if row.holds else 'DOES NOT HOLD'}"
        cells = (row.what, row.claim or "–", row.theirs or "–", row.ours or "–", check)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def written(name: str, table: Table, folder: Path) -> None:
    """Write a table and its raw figures."""
    folder.mkdir(parents=True, exist_ok=True)
    every = {"experiment": name, "holds": table.holds, **asdict(table)}
    text = json.dumps(every, indent=1, default=lambda number: number.item())
    (folder / f"{name.lower()}.json").write_text(text + "\n", "utf-8")


def run(experiments: Mapping[str, Experiment], options: Options) -> int:
    """Run experiments, print and write each; status 1 if a check does not hold."""
    status = 0
    for name in options.only or tuple(experiments):
        table = experiments[name](options)
        print(shown(name, table), flush=True)
        written(name, table, options.out)
        status |= not table.holds
    return status


def main(about: str, experiments: Mapping[str, Experiment], folder: str) -> None:
    """The command line of a program of claims."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help=f"some of {','.join(experiments)}")
    parser.add_argument("--vectors", type=Path, help="folder with vectors (benchmarks.vectors)")
    parser.add_argument("--theirs", type=Path, help="folder their package is imported from")
    parser.add_argument("--data", type=Path, help="texts or conversations of your own")
    parser.add_argument("--n", type=int, default=0, help="items to store")
    parser.add_argument("--queries", type=int, default=300, help="queries of each kind at the most")
    parser.add_argument("--out", type=Path, default=RESULTS / folder, help="folder for raw figures")
    asked = parser.parse_args()
    only = tuple(name for name in asked.only.split(",") if name)
    unknown = [name for name in only if name not in experiments]
    if unknown:
        parser.error(f"expected some of {', '.join(experiments)}, got {', '.join(unknown)}")
    options = Options(
        only, asked.vectors, asked.theirs, asked.data, asked.n, asked.queries, asked.out
    )
    sys.exit(run(experiments, options))
