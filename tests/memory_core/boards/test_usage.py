"""What language models cost is counted by day and model."""

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.memory import Memory


def test_a_thousand_in_and_five_hundred_out_cost_what_the_price_list_says(memory: Memory) -> None:
    cost = memory.boards.usage.track("gpt-4o-mini", 1000, 500)
    assert cost.usd == pytest.approx(0.00045)
    (used,) = memory.boards.usage.all()
    assert (used.day, used.model, used.calls) == ("2026-01-05", "gpt-4o-mini", 1)


def test_usage_is_summed_by_model_dearest_first(memory: Memory, clock: StoppedClock) -> None:
    usage = memory.boards.usage
    usage.track("gpt-4o-mini", 1000, 500)
    usage.track("gpt-4o", 1000, 500)
    clock.advance(days=1)
    usage.track("openai/gpt-4o-mini", 1000, 500)
    assert [(one.model, one.calls, one.day) for one in usage.by_model()] == [
        ("gpt-4o", 1, "2026-01-05"), ("gpt-4o-mini", 2, "2026-01-06"),
    ]  # fmt: skip
    assert len(usage.all()) == 3


def test_an_unknown_model_is_counted_under_its_name_with_a_warning(memory: Memory) -> None:
    cost = memory.boards.usage.track("homegrown-7b", 10, 10)
    assert cost.usd == 0
    assert "homegrown" in cost.warning
    assert [one.model for one in memory.boards.usage.all()] == ["homegrown-7b"]


def test_nonsense_is_not_counted(memory: Memory) -> None:
    with pytest.raises(InvalidArgument):
        memory.boards.usage.track("gpt-4o", -1, 0)
    with pytest.raises(InvalidArgument):
        memory.boards.usage.track(" ", 1, 0)
    assert memory.boards.usage.all() == []
