"""Who writes a summary that nobody has passed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core import summarising
from routemem.memory_core.errors import InvalidArgument, SummariserError
from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings
from routemem.memory_core.summarising import LocalModel, load_summariser

TEXT = "The pump of hall seven was replaced by Ann on 3 March 2025. It had run for years. " * 20


@pytest.fixture
def summarised(
    tmp_path: Path, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Any], Memory]:
    """Opens a memory whose local model is the given function."""

    def opened(model: Any) -> Memory:
        monkeypatch.setattr(summarising, "LocalModel", lambda name: model)
        local = replace(settings, summariser="local-hf:tiny")
        return Memory.open(tmp_path / "s.db", embedder="none", settings=local, clock=clock)

    return opened


def test_no_model_is_named_by_default() -> None:
    assert Settings().summariser == "caller"
    assert load_summariser("caller") is load_summariser("extractive") is None


@pytest.mark.parametrize("wrong", ["", "gpt", "local-hf:", "local-hf"])
def test_a_setting_that_says_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidArgument, match="local-hf:<model>"):
        load_summariser(wrong)


def test_a_local_models_summary_is_shown_and_says_whose_it_is(
    summarised: Callable[[Any], Memory],
) -> None:
    memory = summarised(lambda text, tokens: "Ann replaced the pump of hall seven.")
    id = memory.remember(TEXT).id
    (done,) = memory.compress([id])
    assert done.method == "local"
    item = memory.find(id)
    assert item
    assert (item.summary, item.summary_by) == ("Ann replaced the pump of hall seven.", "local")


@pytest.mark.parametrize("answer", ["", TEXT * 2, None])
def test_what_is_no_summary_is_made_of_sentences_instead(
    summarised: Callable[[Any], Memory], answer: str | None
) -> None:
    def model(text: str, tokens: int) -> str:
        if answer is None:
            raise SummariserError("it failed")
        return answer

    memory = summarised(model)
    (done,) = memory.compress([memory.remember(TEXT).id])
    assert done.method == "extractive"
    assert done.after < done.before


def test_a_callers_own_summary_wins(summarised: Callable[[Any], Memory]) -> None:
    memory = summarised(lambda text, tokens: "of the model")
    (done,) = memory.compress([memory.remember(TEXT).id], summary="of the caller")
    assert done.method == "model"


def test_a_model_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SummariserError):
        LocalModel(str(tmp_path))("text", 10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch and its friends, which are not ours
def test_a_tiny_model_runs_offline(tmp_path: Path, settings: Settings) -> None:
    transformers: Any = pytest.importorskip("transformers", exc_type=ImportError)
    pytest.importorskip("torch", exc_type=ImportError)
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel()
    words.decoder = decoders.ByteLevel()
    words.train_from_iterator([TEXT], trainers.BpeTrainer(special_tokens=["<end>"]))
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>")
    fast.save_pretrained(tmp_path / "tiny")
    config = transformers.LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "tiny")
    local = replace(settings, summariser=f"local-hf:{tmp_path / 'tiny'}")
    with Memory.open(None, embedder="none", settings=local) as memory:
        (done,) = memory.compress([memory.remember(TEXT).id], strategy="aggressive")
        assert done.method in ("local", "extractive")  # its weights are random
    said = LocalModel(str(tmp_path / "tiny"))(TEXT, 20)
    assert isinstance(said, str)
    assert len(said) < len(TEXT)
