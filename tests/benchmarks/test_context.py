"""The benchmarks of a context that is too full run at a small size and find what was planted."""

import importlib
from typing import Any

import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives a module of the benchmarks."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.context.{name}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redundant", "not redundant"])
def test_every_answer_is_found_in_a_text_compressed_to_a_fraction(
    benchmark: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    overflow = benchmark("overflow")
    monkeypatch.setattr(overflow, "CONTEXT", 30_000)  # one document
    told = overflow.overflow(1, kind, "hash")
    assert told["documents"] == 1
    assert told["asked"]["answers_found"] == "4/4"
    assert told["stored summaries"]["ratio"] > 48.94  # the claim, on text that repeats itself
    assert (told["zlib_ratio"] > 31) == (kind == "redundant")
    for strategy, ratio in (("aggressive", 10), ("balanced", 4), ("conservative", 2)):
        assert told[strategy]["ratio"] == pytest.approx(ratio, rel=0.2)


@pytest.mark.slow
def test_conversations_are_counted_found_and_weighed(benchmark: Any) -> None:
    told = benchmark("scale").scale(120, "")
    assert told["conversations"] == 120
    assert told["found_in_8"] == "200/200"
    assert told["fit_125k_whole"] > 600
    assert told["fit_125k_compressed"] > 3 * told["fit_125k_whole"]
    assert told["file_bytes"] > 120 * 500


def test_evidence_that_survives_is_counted(benchmark: Any, tmp_path: Any) -> None:
    data = tmp_path / "talks.json"
    data.write_text(
        '[{"id": "t", "memories": ['
        '{"id": "1", "text": "I moved to Ghent in May 2025.", "speaker": "Ann", "session": 1},'
        '{"id": "2", "text": "oh, is it not nice to hear?", "speaker": "Bo", "session": 1}],'
        '"questions": [{"category": 1, "evidence": ["1"]}]}]'
    )
    told = benchmark("evidence").retention(data)
    assert told["session 2:1"]["gold_turns_kept"] == 100.0
