"""`routemem context`, through the command line."""

import json
from collections.abc import Callable
from typing import TypeAlias

Say: TypeAlias = Callable[..., str]


def test_a_context_is_printed_and_keeps_its_budget(say: Say) -> None:
    say("facts", "user.city=Ghent")
    for n in range(12):
        say("remember", f"The mill {n} has {n} wheels and a long story. " * 5)
    printed = say("context", "mill wheels", "--max-tokens", "200")
    assert "user.city: Ghent" in printed
    found = json.loads(say("context", "mill wheels", "--max-tokens", "200", "--json"))
    assert found["text"] == printed.rstrip("\n")
    assert found["tokens"] <= 200
    assert found["omitted"] > 0
    assert set(json.loads(say("context", "--include", "facts", "--json"))["parts"]) == {"facts"}


def test_nothing_known_is_nothing_printed(say: Say) -> None:
    assert say("context", "anything") == ""
