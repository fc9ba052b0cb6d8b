"""Word pieces."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from routemem.memory_core.embedding.bundled import FOLDER
from routemem.memory_core.embedding.pieces import PieceReader, well_formed
from routemem.memory_core.errors import EmbedderError

CLS, SEP = 101, 102


@pytest.fixture(scope="module")
def reader() -> PieceReader:
    return PieceReader.from_file(FOLDER / "tokenizer.json")


def test_the_shipped_truncation_and_padding_are_off(reader: PieceReader) -> None:
    shipped = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    truncation = shipped.truncation
    assert truncation is not None
    assert truncation["max_length"] == 128  # the trap this test is about
    assert len(reader.read("word " * 500, 256).ids) == 256
    assert len(reader.read("word", 256).ids) == 3


def test_a_cut_text_keeps_its_special_tokens(reader: PieceReader) -> None:
    read = reader.read("one two three four five", 5)
    assert (read.ids[0], read.ids[-1], len(read.ids)) == (CLS, SEP, 5)
    whole = reader.read("one two three", 256)
    np.testing.assert_array_equal(read.ids, whole.ids)
    np.testing.assert_array_equal(read.content, [False, True, True, True, False])


def test_the_empty_text_has_no_content(reader: PieceReader) -> None:
    read = reader.read("", 256)
    assert read.ids.tolist() == [CLS, SEP]
    assert not read.content.any()
    assert reader.spans("") == []


def test_special_tokens_written_in_the_text_are_its_content(reader: PieceReader) -> None:
    read = reader.read("a [SEP] b", 256)
    assert read.content.tolist() == [False, True, True, True, False]


def test_a_prompt_is_read_but_is_not_content(reader: PieceReader) -> None:
    read = reader.read("two words", 256, prompt="query: ")
    bare = reader.read("two words", 256)
    assert len(read.ids) == len(bare.ids) + 2
    np.testing.assert_array_equal(read.ids[read.content], bare.ids[bare.content])


def test_spans_point_at_the_characters_of_each_piece(reader: PieceReader) -> None:
    text = "Tokenization, naïve 東京"
    spans = reader.spans(text)
    assert [text[start:end] for start, end in spans] == [
        "Token", "ization", ",", "naïve", "東", "京",
    ]  # fmt: skip


def test_lower_casing_is_added_where_the_folder_asks_for_it(tmp_path: Path) -> None:
    cased = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    cased.normalizer = None
    cased.save(str(tmp_path / "tokenizer.json"))
    plain = PieceReader.from_file(tmp_path / "tokenizer.json")
    lower = PieceReader.from_file(tmp_path / "tokenizer.json", lower=True)
    np.testing.assert_array_equal(lower.read("HELLO", 9).ids, plain.read("hello", 9).ids)
    assert plain.read("HELLO", 9).ids.tolist() != plain.read("hello", 9).ids.tolist()


def test_lone_surrogates_are_replaced_in_place() -> None:
    assert well_formed("plain") == "plain"
    assert well_formed("a\ud800b\udfffc é 😀") == "a\ufffdb\ufffdc é 😀"


def test_a_missing_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"Expected tokenizer\.json.*pip install"):
        PieceReader.from_file(tmp_path / "tokenizer.json")
