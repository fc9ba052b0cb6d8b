import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.text.chunking import Span, chunk, rough_pieces

TEXTS = st.text(st.sampled_from("ab é.!?\n\n 日。本한🙂\"')\t1"), max_size=400) | st.text(
    max_size=200
)


def held(pieces: list[Span], span: Span) -> set[int]:
    start, end = span
    return {i for i, piece in enumerate(pieces) if start <= piece[0] and piece[1] <= end}


@given(TEXTS, st.integers(-1, 40), st.integers(-1, 60))
def test_chunks_cover_the_text_within_limit_and_overlap(
    text: str, limit: int, overlap: int
) -> None:
    pieces = rough_pieces(text)
    spans = chunk(text, pieces, limit=limit, overlap=overlap)
    inside = [held(pieces, span) for span in spans]
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert set().union(*inside) == set(range(len(pieces)))
    assert all(len(pieces) <= max(1, limit) for pieces in inside)
    for (start, end), (next_start, next_end) in pairwise(spans):
        assert start < next_start <= end < next_end
    for before, after in pairwise(inside):
        assert len(before & after) <= max(0, overlap)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50))), st.integers(1, 9))
def test_any_spans_at_all_terminate_with_the_ends_covered(pieces: list[Span], limit: int) -> None:
    spans = chunk("x" * 51, sorted(pieces), limit=limit, overlap=limit)
    assert (spans[0][0], spans[-1][1]) == (0, 51)


@given(TEXTS)
def test_a_text_within_the_limit_is_one_chunk(text: str) -> None:
    pieces = rough_pieces(text)
    assert chunk(text, pieces, limit=max(1, len(pieces))) == [(0, len(text))]


def test_the_empty_text_is_one_empty_chunk() -> None:
    assert chunk("", []) == [(0, 0)]


def test_white_space_alone_is_one_chunk() -> None:
    assert chunk(" \n ", rough_pieces(" \n ")) == [(0, 3)]


def parts(text: str, limit: int, overlap: int = 0) -> list[str]:
    spans = chunk(text, rough_pieces(text), limit=limit, overlap=overlap)
    return [text[start:end] for start, end in spans]


def test_a_paragraph_break_is_preferred_to_a_later_sentence_end() -> None:
    assert parts("aa bb cc dd\n\nee ff. gg hh ii", 8) == ["aa bb cc dd\n\n", "ee ff. gg hh ii"]


def test_a_sentence_end_is_preferred_to_a_later_line_break() -> None:
    assert parts("aa bb cc dd. ee\nff gg hh ii", 7) == ["aa bb cc dd. ", "ee\nff gg hh ii"]


def test_a_line_break_is_preferred_to_a_later_space() -> None:
    assert parts("aa bb cc dd\nee ff gg hh", 6) == ["aa bb cc dd\n", "ee ff gg hh"]


def test_a_word_is_not_cut_when_a_space_is_near() -> None:
    assert parts("aa bb cccccccccccc dd", 4) == ["aa bb ", "cccccccccccc dd"]


def test_a_japanese_sentence_ends_without_white_space() -> None:
    assert parts("今日は雨。明日は晴れる。", 8) == ["今日は雨。", "明日は晴れる。"]


def test_neighbours_share_whole_sentences_where_they_can() -> None:
    text = "aa bb cc. dd ee ff. gg hh ii. jj kk ll. mm nn oo."
    assert parts(text, 12, overlap=5) == [
        "aa bb cc. dd ee ff. gg hh ii. ",
        "gg hh ii. jj kk ll. mm nn oo.",
    ]


def test_rough_pieces_are_short_runs_single_signs_and_single_cjk_letters() -> None:
    text = "Übermut, 東京 한 3.14159"
    pieces = [text[start:end] for start, end in rough_pieces(text)]
    assert pieces == ["Über", "mut", ",", "東", "京", "한", "3", ".", "1415", "9"]


def test_a_document_of_160_kilobytes_is_cut_with_work_in_proportion() -> None:
    rng = random.Random(0)
    words = ["memory", "of", "a", "house.", "by\n", "the", "sea,", "x" * 30, "wall.\n\n"]
    text = " ".join(rng.choice(words) for _ in range(28_000))
    pieces = rough_pieces(text)
    spans = chunk(text, pieces)
    assert len(pieces) / 254 <= len(spans) <= 3 * len(pieces) / 254


def test_overflow_chunks_are_the_same_function_with_other_numbers() -> None:
    text = "word " * 5000
    spans = chunk(text, rough_pieces(text), limit=1024, overlap=128)
    shared = [end - start for (_, end), (start, _) in pairwise(spans)]
    assert shared == [128 * len("word ")] * (len(spans) - 1)
