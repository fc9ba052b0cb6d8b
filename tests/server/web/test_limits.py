"""How often somebody may ask."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stopped_clock import StoppedClock

from routemem.server.web.limits import RateLimit


def test_a_burst_is_let_through_and_then_the_rate(clock: StoppedClock) -> None:
    limit = RateLimit(2.0, 3, clock)
    assert [limit.wait("a") for _ in range(3)] == [0, 0, 0]
    assert limit.wait("a") == pytest.approx(0.5)
    assert limit.wait("b") == 0
    clock.advance(seconds=0.5)
    assert limit.wait("a") == 0
    assert limit.wait("a") == pytest.approx(0.5)


@given(
    pauses=st.lists(st.floats(0, 100), max_size=60),
    rate=st.floats(0.01, 100),
    burst=st.integers(1, 50),
)
def test_no_pattern_gets_more_than_burst_and_rate(
    pauses: list[float], rate: float, burst: int
) -> None:
    now = [0.0]
    limit = RateLimit(rate, burst, lambda: now[0])
    let_in = 0
    for pause in pauses:
        now[0] += pause
        let_in += limit.wait("a") == 0
    assert let_in <= burst + now[0] * rate + 1e-6
