"""The programs of claims run at a small size, and say so when a check does not hold."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)

Tables = dict[str, dict[str, Any]]

#: An earlier system whose codebook is perfect: ours must be said to be worse.
PERFECT = """
class Codebook:
    def __init__(self, dim, seed):
        self.K = 0

    def fit(self, vectors, ids):
        self.K = self.K_MAX

    def encode(self, vector):
        return 0, 0.0

    def get_bucket_items(self, number):
        return type("Bucket", (), {"item_ids": [number]})
"""


def ran(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{program}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def tables(out: Path) -> Tables:
    return {path.stem: json.loads(path.read_text("utf-8")) for path in out.glob("*.json")}


def row(table: dict[str, Any], start: str) -> dict[str, Any]:
    (found,) = [each for each in table["rows"] if each["what"].startswith(start)]
    return dict(found)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of vectors around 12 directions, as the benchmarks read them."""
    folder = tmp_path_factory.mktemp("vectors")
    rng = np.random.default_rng(5)
    around = rng.normal(size=(12, 32))
    for name, count in (("real", 600), ("in_distribution", 40), ("question", 40)):
        drawn = around[rng.integers(0, 12, count)] + rng.normal(size=(count, 32)) * 0.8
        np.save(folder / f"{name}.npy", drawn.astype(np.float32))
    (folder / "source.txt").write_text("drawn")
    return folder


@pytest.fixture(scope="module")
def rm(vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Routing Memory's experiments on vectors, at 600 items."""
    out = tmp_path_factory.mktemp("rm")
    names = "H1,H2,H3,H4,H5,H7,A4,A5,A6"
    done = ran("rm", "--only", names, "--n", "600", "--vectors", vectors, "--out", out)
    assert not done.stderr, done.stderr
    return tables(out)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Routing Memory's experiments on texts: the sample, a conversation, and docstrings."""
    out = tmp_path_factory.mktemp("texts")
    sample = ROOT / "benchmarks" / "data" / "passages.jsonl"
    done = ran("rm", "--only", "A1", "--data", sample, "--out", out)
    assert not done.stderr, done.stderr
    lines = [json.loads(line) for line in sample.read_text("utf-8").splitlines()]
    talk = out / "talk.data"
    turns = [line for line in lines if "passage" in line]
    asked = [line for line in lines if "query" in line]
    conversation = {
        "sample_id": "talk",
        "conversation": {
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"dia_id": f"D1:{number}", "speaker": "Ann", "text": turn["passage"]}
                for number, turn in enumerate(turns, 1)
            ],
        },
        "qa": [
            {"question": ask["query"], "category": 4, "evidence": [f"D1:{ask['relevant'][0][1:]}"]}
            for ask in asked
        ],
    }
    talk.write_text(json.dumps([conversation]))
    done = ran("rm", "--only", "A2,A3", "--data", talk, "--out", out)
    assert not done.stderr, done.stderr
    done = ran("rm", "--only", "H6", "--n", "120", "--queries", "20", "--out", out)
    assert not done.stderr, done.stderr
    return tables(out)


@pytest.fixture(scope="module")
def srm(vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """SRM's benchmarks, at 1,000 items."""
    out = tmp_path_factory.mktemp("srm")
    done = ran("srm", "--n", "1000", "--queries", "20", "--vectors", vectors, "--out", out)
    assert not done.stderr, done.stderr
    return tables(out)


@pytest.fixture(scope="module")
def membank(vectors: Path, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """MemBank's benchmarks, at 200 texts."""
    out = tmp_path_factory.mktemp("membank")
    done = ran("membank", "--n", "200", "--queries", "20", "--vectors", vectors, "--out", out)
    assert not done.stderr, done.stderr
    return tables(out)


# ---------------------------------------------------------------------- the tables


@pytest.mark.slow
def test_a_table_says_what_when_and_on_which_data(rm: Tables) -> None:
    for table in rm.values():
        assert table["definition"]
        assert table["data"]
        assert table["n"] > 0
        assert isinstance(table["seed"], int)
        assert table["holds"] == all(each["holds"] for each in table["rows"])


@pytest.mark.slow
def test_a_check_that_does_not_hold_is_said_and_ends_with_status_1(
    vectors: Path, tmp_path: Path
) -> None:
    (tmp_path / "rm.py").write_text(PERFECT)
    job: tuple[str | Path, ...] = ("--only", "H1", "--n", "200", "--vectors", vectors)
    alone = ran("rm", *job, "--out", tmp_path)
    beside = ran("rm", *job, "--out", tmp_path, "--theirs", tmp_path)
    assert (alone.returncode, beside.returncode) == (0, 1)
    assert "DOES NOT HOLD" not in alone.stdout
    assert "ours >= theirs: DOES NOT HOLD" in beside.stdout
    assert not json.loads((tmp_path / "h1.json").read_text())["holds"]


def test_an_unknown_experiment_is_refused_with_the_known_ones() -> None:
    done = ran("srm", "--only", "k-swep")
    assert done.returncode == 2
    assert "expected some of memory-wall, k-sweep, drift, 20k, got k-swep" in done.stderr


def test_code_of_theirs_that_fails_is_named(vectors: Path, tmp_path: Path) -> None:
    done = ran("rm", "--only", "H1", "--n", "200", "--vectors", vectors, "--theirs", tmp_path)
    assert done.returncode == 1
    assert "No module named 'rm'" in done.stderr


@pytest.mark.parametrize(
    ("table", "check"),
    [
        ("srm/20k", "CPU of a query"),
        ("srm/20k", "the nearest item is among 10 hits"),
        ("membank/2", "recall, text to texts: p50"),
        ("membank/4", "precision@5 against exact search, routing index"),
    ],
)
def test_the_committed_tables_at_full_size_hold(table: str, check: str) -> None:
    committed = json.loads((ROOT / f"benchmarks/results/{table}.json").read_text("utf-8"))
    assert committed["n"] == {"srm": 19_900, "membank": 500}[table.split("/")[0]]
    assert row(committed, check)["check"]
    assert row(committed, check)["holds"]
    assert committed["holds"]


# ---------------------------------------------------------------------- Routing Memory


@pytest.mark.slow
def test_fidelity_grows_with_the_centroids(rm: Tables) -> None:
    raw = rm["h1"]["raw"]
    fidelity = [raw[k]["ours"]["fidelity"] for k in ("16", "32", "64", "128")]
    assert fidelity == sorted(fidelity)
    assert row(rm["h1"], "fidelity, K = 64")["claim"] == "0.7415"


@pytest.mark.slow
def test_more_buckets_find_more_and_the_default_nearly_all(rm: Tables) -> None:
    for kind in ("in-distribution", "question"):
        ours = rm["h2"]["raw"][kind]["ours"]
        found = [ours[str(probes)]["recall"] for probes in (1, 2, 3, 4, 8)]
        assert found == sorted(found)
        assert row(rm["h2"], f"{kind}, packed, auto")["holds"]
        assert ours["shipped"]["recall"] == 1


@pytest.mark.slow
def test_a_higher_threshold_saves_more_and_keeps_what_exact_search_keeps(rm: Tables) -> None:
    raw = rm["h3"]["raw"]
    saved = [raw[f"question {tau}"]["ours"]["saved"] for tau in (0.3, 0.5, 0.7, 0.8)]
    assert saved == sorted(saved)
    for each in raw.values():
        assert each["ours"]["recall"] >= each["exact"]["recall"] - 0.05
        assert 0 <= each["ours"]["emptied"] <= 1


@pytest.mark.slow
def test_auto_is_near_the_rule_with_the_least_work(rm: Tables) -> None:
    rules = {name: each for name, each in rm["h4"]["raw"].items() if name != "auto"}
    assert set(rules) == {"n_over_b", "sqrt", "2sqrt", "log", "fixed"}
    assert all({"gini", "dead", "work"} <= set(each) for each in rules.values())
    chosen = rules[rm["h4"]["raw"]["auto"]]["work"]
    assert chosen <= 1.1 * min(each["work"] for each in rules.values())
    assert row(rm["h4"], "auto chooses")["holds"]


@pytest.mark.slow
def test_a_shift_is_noticed_and_steady_records_are_not(rm: Tables) -> None:
    raw = rm["h5"]["raw"]
    assert raw["1"]["ours"]["false"] == 0
    assert raw["8"]["ours"]["noticed"] == 20
    assert row(rm["h5"], "made-up errors")["ours"] == "6"


@pytest.mark.slow
def test_routing_finds_as_much_with_every_encoder(texts: Tables) -> None:
    assert len(texts["h6"]["raw"]) >= 3
    assert row(texts["h6"], "spread of the ratio")["holds"]


@pytest.mark.slow
def test_every_kind_of_bytes_has_a_line_and_768_stands_beside_the_codes_only(rm: Tables) -> None:
    claimed = [each["what"] for each in rm["h7"]["rows"] if "768" in str(each)]
    assert claimed == ["codes only: a bucket number per item, which ranks nothing"]
    for line in ("1-bit codes", "all that every query reads", "vectors for the exact", "everything",
                 "resident memory gained by filling", "file"):  # fmt: skip
        assert "MB" in row(rm["h7"], line)["ours"]


@pytest.mark.slow
def test_passages_of_ones_own_are_scored_against_exact_search_and_their_answers(
    texts: Tables,
) -> None:
    assert texts["a1"]["n"] == 24
    assert texts["a1"]["raw"]["routed"]["agreement"] >= 0.99
    assert texts["a1"]["raw"]["recall"]["hit"] >= texts["a1"]["raw"]["exact"]["hit"] > 0.9


@pytest.mark.slow
def test_conversations_are_scored_one_by_one_by_both_measures(texts: Tables) -> None:
    talk = texts["a2"]["raw"]["talk"]
    assert talk["questions"] == 24
    assert talk["routed"]["agreement"] >= 0.99
    assert talk["recall"]["hit"] >= 0.6
    assert "sourdough" not in json.dumps(texts["a2"])


@pytest.mark.slow
def test_what_enrichment_gains_comes_with_its_interval(texts: Tables) -> None:
    gain = texts["a3"]["raw"]["routed"]["ours"]
    assert gain["low"] <= gain["delta"] <= gain["high"]
    assert gain["delta"] == pytest.approx(gain["rich"] - gain["bare"])


@pytest.mark.slow
def test_size_budget_and_recall_stand_side_by_side(rm: Tables) -> None:
    assert row(rm["a4"], "R@5, 4 of 512 buckets")["claim"] == "0.8556"
    assert row(rm["a4"], "R@5, ours as it comes")["holds"]
    assert "MB" in row(rm["a4"], "bytes a query reads")["ours"]


@pytest.mark.slow
def test_the_frontier_holds_exact_search_and_every_way_of_ours(rm: Tables) -> None:
    raw = rm["a5"]["raw"]
    assert raw["flat"]["recall"] == 1
    best = max(each["recall"] for each in raw["ours"].values())
    assert raw["ours"]["auto"]["recall"] >= 0.99
    assert best >= raw["ours"]["auto"]["recall"]


@pytest.mark.slow
def test_imbalance_is_the_gini_of_the_sizes_shown(rm: Tables) -> None:
    sizes = np.sort(rm["a6"]["raw"]["sizes"])
    k = len(sizes)
    gini = ((2 * np.arange(1, k + 1) - k - 1) * sizes).sum() / (k * sizes.sum())
    assert sizes.sum() == 600
    assert rm["a6"]["raw"]["ours"] == pytest.approx(gini)


# ---------------------------------------------------------------------- SRM and MemBank


@pytest.mark.slow
def test_no_item_lies_in_a_wrong_bucket_after_an_adaptive_update(srm: Tables) -> None:
    ours = srm["drift"]["raw"]["ours"]
    for each in ours.values():
        assert (each["wrong"], each["not_unit"]) == (0, 0)
    assert ours["adaptive"]["found"] >= ours["static"]["found"]


@pytest.mark.slow
def test_the_wall_shows_what_recall_needs_beside_what_routing_holds(srm: Tables) -> None:
    table = srm["memory-wall"]
    assert row(table, "routing, packed")["holds"]
    assert "in a file" in row(table, "with what recall needs")["ours"]
    assert table["raw"]["recall"]["fp16"] >= 0.99 > table["raw"]["recall"]["none"]


@pytest.mark.slow
def test_the_sweep_recommends_a_number_from_the_data(srm: Tables) -> None:
    for name in ("blobs", "real"):
        ours = srm["k-sweep"]["raw"][name]["ours"]
        most = max(each["recall"] for each in ours.values())
        advised = row(srm["k-sweep"], f"{name}: recommended")["ours"].removeprefix("K = ")
        assert ours[advised]["recall"] >= most - 0.01


@pytest.mark.slow
def test_every_nearest_item_is_found_among_their_clusters(srm: Tables) -> None:
    nearest, all_ten, _ = srm["20k"]["raw"]["ours"]
    assert nearest == 1
    assert all_ten >= 0.99


@pytest.mark.slow
def test_precision_is_complete_and_their_rule_stands_beside_it(membank: Tables) -> None:
    assert row(membank["4"], "precision@5 against exact search, routing index")["holds"]
    assert "their rule" in membank["4"]["rows"][0]["theirs"]
    assert membank["4"]["rows"][0]["claim"] == "16 %"


@pytest.mark.slow
def test_every_reduction_is_shown_and_the_default_drills_down_best(membank: Tables) -> None:
    found = membank["5"]["raw"]["word vectors, L2 + L1 + L0"]["ours"]
    assert set(found) == {"bit", "pca", "random", "hgns-global", "hgns"}
    assert found["bit"] == max(found.values())
    assert found["bit"] >= 0.95


@pytest.mark.slow
def test_bytes_of_levels_are_those_of_the_arrays(membank: Tables) -> None:
    raw = membank["3"]["raw"]
    assert raw["pca"] == {"0": 1024, "1": 336, "2": 84}
    assert raw["bit"]["1"] + raw["bit"]["2"] < 420


@pytest.mark.slow
def test_texts_go_in_and_come_back(membank: Tables) -> None:
    assert set(membank["1"]["raw"]) == {"200 durable", "200 in memory"}
    assert len(membank["2"]["raw"]["ours_ms"]) == 30


@pytest.mark.slow
def test_operations_are_timed_as_they_come_and_without_disk_and_model(tmp_path: Path) -> None:
    done = ran("operations", "--n", "100", "--out", tmp_path)
    assert not done.stderr, done.stderr
    raw = tables(tmp_path)["operations"]["raw"]
    for side in ("ours", "bare"):
        assert {"write", "read", "set", "get", "search", "turn", "turn cpu"} <= set(raw[side])
        assert min(raw[side].values()) > 1
