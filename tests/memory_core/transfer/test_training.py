"""What a small model can learn from: chats and summaries, nothing from outside, LoRA settings."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT
from stopped_clock import StoppedClock

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.memory import Memory


def chats(folder: Path) -> list[list[dict[str, str]]]:
    lines = (folder / "train.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["messages"] for line in lines]


def test_exchanges_and_the_models_own_summaries_become_chats(
    memory: Memory, tmp_path: Path, clock: StoppedClock
) -> None:
    memory.log_turn("Where is the pump?", "In hall seven.")
    clock.advance(hours=3)
    memory.log_turn("Only said, not answered.")
    long = memory.remember("The pump of hall seven was replaced in March by Ann. " * 20).id
    memory.remember("The crane of hall eight was painted by Bo in April. " * 20)
    memory.compress([long], summary="Ann replaced the pump of hall seven in March.")
    done = memory.transfer.export_training(tmp_path / "set")
    assert (done.exchanges, done.summaries) == (1, 1)
    first, second = chats(tmp_path / "set")
    assert [said["content"] for said in first] == ["Where is the pump?", "In hall seven."]
    assert [said["role"] for said in first] == ["user", "assistant"]
    assert second[1]["content"] == "Ann replaced the pump of hall seven in March."


def test_the_settings_are_those_of_the_earlier_system(memory: Memory, tmp_path: Path) -> None:
    memory.log_turn("Where is the pump?", "In hall seven.")
    memory.transfer.export_training(tmp_path / "set")
    config = json.loads((tmp_path / "set" / "lora.json").read_text("utf-8"))
    lora = config["lora"]
    assert (lora["r"], lora["lora_alpha"], lora["lora_dropout"]) == (8, 32, 0.1)
    assert config["data"] == "train.jsonl"


def test_nothing_from_outside_is_taught(memory: Memory, tmp_path: Path) -> None:
    memory.log_turn("Where is the pump?", "In hall seven.")
    memory.remember("Where is the key?", kind="turn", source="user", when=1.0)
    memory.remember("Under the grumblefitz.", kind="turn", source="web", when=2.0)
    memory.transfer.export_training(tmp_path / "set")
    assert "grumblefitz" not in (tmp_path / "set" / "train.jsonl").read_text("utf-8")


def test_an_empty_memory_teaches_nothing_and_files_are_not_overwritten(
    memory: Memory, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument, match="nothing to learn"):
        memory.transfer.export_training(tmp_path / "set")
    assert not (tmp_path / "set").exists()
    memory.log_turn("Where is the pump?", "In hall seven.")
    memory.transfer.export_training(tmp_path / "set")
    with pytest.raises(InvalidArgument, match="there already"):
        memory.transfer.export_training(tmp_path / "set")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch and its friends, which are not ours
def test_the_example_trains_a_tiny_model_offline(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("peft", exc_type=ImportError)
    pytest.importorskip("torch", exc_type=ImportError)
    spec = importlib.util.spec_from_file_location("train_lora", ROOT / "examples/train_lora.py")
    assert spec
    assert spec.loader
    example: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    adapter = example.main()
    said = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    assert (said["r"], said["lora_alpha"], said["lora_dropout"]) == (8, 32, 0.1)
    assert (adapter / "adapter_model.safetensors").stat().st_size > 1000
    assert "8 chats, loss" in capsys.readouterr().out
