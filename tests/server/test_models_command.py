"""`routemem models`, through the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Say: TypeAlias = Callable[..., str]


def test_models_are_listed_with_what_is_uncertain_and_a_users_own(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "models.json"
    own.write_text('{"models": {"mine": {"context": 32000}}}')
    monkeypatch.setenv("ROUTEMEM_MODELS_FILE", str(own))
    told = say("models", "--model", "mine")
    (mine,) = [line for line in told.splitlines() if line.startswith("*")]
    assert mine.split()[1:3] == ["mine", "32,000"]
    assert "(from one table only)" in told
    assert "Prices of 20" in told
    found = {model["name"]: model for model in json.loads(say("models", "--json"))}
    assert found["gpt-4o-mini"]["input_price"] == 0.15
    assert "default" in found


def test_an_unknown_model_is_said_to_be_unknown(say: Say) -> None:
    assert "No model 'gpt-99' in the table" in say("models", "--model", "gpt-99")
