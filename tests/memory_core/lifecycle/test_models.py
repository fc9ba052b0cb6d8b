"""What models can read and what their tokens cost."""

from pathlib import Path

import pytest

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.lifecycle.models import parse
from routemem.memory_core.model_table import load_models, shipped

#: Those of the Advanced Memory Management system.
TWELVE = (
    "gpt-4 gpt-4-32k gpt-4-turbo gpt-4o gpt-4o-mini gpt-3.5-turbo gpt-3.5-turbo-16k gpt-5 "
    "claude-3-opus claude-3-sonnet claude-3-haiku gemma-3-4b"
).split()
WHOLE = {
    "context": 1000, "input": 0, "output": 100, "input_price": 1, "output_price": 2,
    "safe": 0.85, "trigger": 0.75, "target": 0.5,
}  # fmt: skip


def test_a_thousand_tokens_in_and_five_hundred_out_cost_what_the_price_list_says() -> None:
    cost = load_models().cost(1000, 500, "gpt-4o-mini")
    assert cost.usd == pytest.approx(0.00045, abs=1e-12)
    assert (cost.model, cost.warning) == ("gpt-4o-mini", "")


@pytest.mark.parametrize("name", TWELVE)
def test_each_of_the_twelve_models_has_its_context_and_thresholds(name: str) -> None:
    model, warning = load_models().find(name)
    assert (model.name, warning) == (name, "")
    assert (model.safe, model.trigger, model.target) == (0.85, 0.75, 0.5)
    assert model.room == min(int(0.85 * model.context), model.input or model.context)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("GPT-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("gpt-4-turbo-preview", "gpt-4-turbo"),
    ],
)
def test_a_model_is_known_under_the_names_providers_give_it(said: str, known: str) -> None:
    assert load_models().find(said)[0].name == known


@pytest.mark.parametrize("name", ["gpt-9", "gpt-4o-huge", "/", "2024-01-01", "-latest"])
def test_an_unknown_model_is_the_default_with_a_warning(name: str) -> None:
    model, warning = load_models().find(name)
    assert model.name == "default"
    assert name in warning
    assert load_models().cost(5, 5, name).warning == warning


def test_a_context_is_never_larger_than_what_a_prompt_may_be() -> None:
    model = load_models().find("gpt-5.2")[0]
    assert model.room == model.input < int(0.85 * model.context)


def test_what_is_uncertain_names_models_of_the_table() -> None:
    assert shipped()["uncertain"].keys() <= load_models().known.keys()


def test_no_model_at_all_is_the_default_without_a_warning() -> None:
    assert load_models().find(" ") == (load_models().default, "")


def test_a_users_file_adds_a_model_and_changes_one_field_of_another(tmp_path: Path) -> None:
    own = tmp_path / "models.json"
    own.write_text('{"models": {"mine": {"context": 32000}, "gpt-4o": {"input_price": 1}}}')
    models = load_models(str(own))
    assert models.find("mine")[0].room == 27_200
    assert (models.find("gpt-4o")[0].input_price, models.find("gpt-4o")[0].output_price) == (1, 10)
    assert load_models().find("mine")[1]


@pytest.mark.parametrize(
    "said",
    [
        "no json",
        "[]",
        '{"models": []}',
        '{"models": {"a": 5}}',
        '{"models": {"a": {"kontext": 5}}}',
        '{"models": {"a": {"context": "5"}}}',
        '{"models": {"a": {"context": 0}}}',
        '{"models": {"a": {"context": NaN}}}',
        '{"models": {"a": {"trigger": 0.9}}}',
        '{"default": {"target": 0}}',
    ],
)
def test_a_file_that_says_what_cannot_be_is_refused(tmp_path: Path, said: str) -> None:
    own = tmp_path / "models.json"
    own.write_text(said)
    with pytest.raises(InvalidArgument):
        load_models(str(own))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"absent\.json"):
        load_models(str(tmp_path / "absent.json"))


def test_negative_tokens_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="0 or more"):
        load_models().cost(-1, 0, "gpt-4o")


def test_a_table_without_a_needed_field_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="lacks target"):
        parse({"default": {name: value for name, value in WHOLE.items() if name != "target"}})
