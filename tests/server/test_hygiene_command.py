"""`routemem hygiene` tells what it would do, does the same, and keeps to the time it is given."""

import json
from collections.abc import Callable

import pytest

Say = Callable[..., str]
LONG = (
    "The tide model was rewritten in March because a single run took nine hours. "
    "Everybody had hoped that a faster machine would be enough, but it was not so. "
    "There were long talks about it in the kitchen and on the way home in the evening. "
    "With the coarser grid a run takes 40 minutes, and the gauge in Ostend agrees within 3 cm. "
)


def test_a_dry_run_lists_the_ids_that_the_real_run_then_changes(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-03-01")
    ids = [json.loads(say("remember", LONG + f"Number {n}.", "--json"))["id"] for n in range(6)]
    assert say("hygiene") == "global: nothing to do.\n"
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-03-09")
    told = json.loads(say("hygiene", "--dry-run", "--json"))
    assert {one["id"] for one in told} < set(ids)
    assert [one["step"] for one in told] == ["compress"] * 3  # but the three used last
    assert "--apply does it" in say("hygiene")
    assert json.loads(say("hygiene", "--json")) == told
    assert json.loads(say("hygiene", "--apply", "--json")) == told
    assert "3 compressed" in say("status")
    monkeypatch.setenv("ROUTEMEM_NOW", "2026-04-02")
    said = say("hygiene", "--apply", "--all")
    assert said.count("archived (unread for 32 days)") == 3
    say("forget", told[0]["id"], "--mode", "restore")
    assert "4 active" in say("status")


def test_read_only_tells_and_does_not(
    say: Say, refused: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("remember", "something")
    monkeypatch.setenv("ROUTEMEM_READ_ONLY", "1")
    assert say("hygiene") == "global: nothing to do.\n"
    assert refused("hygiene", "--apply").startswith("routemem: not_allowed:")
