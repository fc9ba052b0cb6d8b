import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.text import vocabulary
from routemem.memory_core.text.tokens import TokenCounter, estimate

CACHED = vocabulary.cached(os.environ)
needs_vocabulary = pytest.mark.skipif(
    CACHED is None, reason="tiktoken's cache does not hold o200k_base"
)

# A vocabulary without a single merge: every byte of UTF-8 is a token.
BYTES = b"\n".join(b"%s %d" % (base64.b64encode(bytes([b])), b) for b in range(256))
count_bytes = vocabulary.counter(BYTES)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_without_merges_every_byte_is_a_token(text: str) -> None:
    assert count_bytes(text) == len(text.encode())


@pytest.mark.parametrize("text", [" " * (1 << 20), "\t " * (1 << 19), "a" * (1 << 20)])
def test_a_megabyte_that_panics_the_splitter_is_counted(text: str) -> None:
    assert count_bytes(text) == len(text)


def test_special_tokens_are_counted_as_text() -> None:
    assert count_bytes("<|endoftext|>") == len("<|endoftext|>")


def test_lone_surrogates_are_counted() -> None:
    assert count_bytes("a\ud800b") >= 3


def test_vocabulary_is_looked_for_where_tiktoken_looks(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / vocabulary.FILE).touch()
    both = {"TIKTOKEN_CACHE_DIR": str(first), "DATA_GYM_CACHE_DIR": str(second)}
    assert vocabulary.cached(both) == first / vocabulary.FILE
    assert vocabulary.cached({"DATA_GYM_CACHE_DIR": str(second)}) == second / vocabulary.FILE
    assert vocabulary.cached({"TIKTOKEN_CACHE_DIR": ""}) is None
    assert vocabulary.cached({"TIKTOKEN_CACHE_DIR": str(tmp_path)}) is None


def test_auto_stays_with_estimates_when_nothing_is_cached(tmp_path: Path) -> None:
    counter = TokenCounter.load("auto", environ={"TIKTOKEN_CACHE_DIR": str(tmp_path)})
    assert not counter.settle()
    assert counter.count("a few words") == estimate("a few words")


def test_auto_stays_with_estimates_and_says_so_when_the_file_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tmp_path / vocabulary.FILE
    damaged.write_bytes(BYTES)
    counter = TokenCounter.load("auto", environ={"TIKTOKEN_CACHE_DIR": str(tmp_path)})
    assert not counter.settle()
    assert "SHA-256 differs" in caplog.text
    assert damaged.read_bytes() == BYTES  # tiktoken would delete it and download another


def test_tiktoken_mode_without_the_vocabulary_names_the_file_it_needs(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=vocabulary.FILE):
        TokenCounter.load("tiktoken", environ={"TIKTOKEN_CACHE_DIR": str(tmp_path)})


@needs_vocabulary
def test_cached_vocabulary_counts_exactly() -> None:
    counter = TokenCounter.load("auto")
    assert counter.settle()
    assert counter.name == "o200k_base"
    assert counter.count("") == 0
    # o200k_base: "The", " quick", " brown", " fox", "!", " ", "123", "4", "'s"
    assert counter.count("The quick brown fox! 1234's") == 9


@needs_vocabulary
def test_cached_vocabulary_agrees_with_tiktoken() -> None:
    import tiktoken

    theirs = tiktoken.get_encoding("o200k_base").encode_ordinary
    ours = TokenCounter.load("tiktoken").count

    @given(st.text(max_size=2000))
    def agree(text: str) -> None:
        assert ours(text) == len(theirs(text))

    agree()
