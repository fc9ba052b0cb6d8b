"""Scopes that stay open: no more than the machine can hold, and none under a running call."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import TooManyScopes
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes, opened
from routemem.memory_core.scopes.shelf import Shelf
from routemem.memory_core.settings import Settings


@pytest.fixture
def three(clock: StoppedClock) -> Shelf:
    """A shelf for three memories that are out of use after a minute."""
    shelf = Shelf(3, 60.0, clock)
    for name in "abc":
        shelf.put(name, Memory.open(None, scope=f"project:{name}", embedder="hash"))
        clock.advance(seconds=50)
    return shelf


def test_what_nobody_asked_for_in_a_while_makes_room(three: Shelf, clock: StoppedClock) -> None:
    assert three.get("a") is not None
    (unused,) = three.make_room()
    assert unused.scope == "project:b"
    assert [name for name in "abc" if name in three] == ["a", "c"]
    assert three.make_room() == []


def test_what_is_in_use_stays_and_the_next_one_is_refused(three: Shelf) -> None:
    for name in "abc":
        three.get(name)
    with pytest.raises(TooManyScopes, match=r"3 scopes .* try again in 60 seconds"):
        three.make_room()
    assert all(name in three for name in "abc")


@pytest.fixture
def few(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scopes]:
    """Scopes of which four may be open, and out of use at once."""
    for most, idle in (("MOST", "IDLE"), ("MOST_BLANK", "IDLE_BLANK")):
        monkeypatch.setattr(opened, most, 4)
        monkeypatch.setattr(opened, idle, 0.0)
    with Scopes(replace(settings, flush_seconds=3600), embedder=None) as scopes:
        yield scopes


def test_many_scopes_are_written_and_read_again_while_few_are_open(few: Scopes) -> None:
    for number in range(12):
        few.open(f"project:{number}").remember(f"note {number}")
    for number in range(12):
        assert few.open(f"project:{number}").recall("note").hits[0].text == f"note {number}"


def test_names_that_do_not_exist_take_no_thread_and_little_memory(few: Scopes) -> None:
    few.look("project:first").recall("x")
    before = threading.active_count()
    for number in range(20):
        assert not few.look(f"project:none-{number}").recall("x").hits
    assert threading.active_count() == before
