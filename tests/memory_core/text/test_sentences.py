import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.text.sentences import sentences

TEXTS = st.text(st.sampled_from("aB .!?…。！」\n\r\"'3é"), max_size=200) | st.text()


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@given(TEXTS)
def test_sentences_hold_everything_but_white_space_in_order(text: str) -> None:
    assert "".join("".join(split(text)).split()) == "".join(text.split())


@given(TEXTS)
def test_sentences_are_never_empty_nor_padded(text: str) -> None:
    assert all(sentence and sentence == sentence.strip() for sentence in split(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It costs 3.14 euros. Really.", ["It costs 3.14 euros.", "Really."]),
        (
            "Dr. Smith met J. Doe, e.g. at noon. Fine.",
            ["Dr. Smith met J. Doe, e.g. at noon.", "Fine."],
        ),
        ("Das war am 3. Mai, z.B. abends. Gut.", ["Das war am 3. Mai, z.B. abends.", "Gut."]),
        ("i went home. then i slept.", ["i went home.", "then i slept."]),
        ("Well... maybe. Yes", ["Well... maybe.", "Yes"]),
        ('He said "No." Then he left.', ['He said "No."', "Then he left."]),
        ("今日は雨。「明日は？」と聞いた。", ["今日は雨。", "「明日は？」", "と聞いた。"]),
        ("你好！今天下雨。", ["你好！", "今天下雨。"]),
        ("see v1.2.3 at docs.example.org now", ["see v1.2.3 at docs.example.org now"]),
        ("a wrapped line\ngoes on here\nNew line", ["a wrapped line\ngoes on here", "New line"]),
        ("heading\n\nbody text", ["heading", "body text"]),
        ("- milk\n- bread", ["- milk", "- bread"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_of(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize("part", [".", " ", "\n", "\n ", '."', "a", "...x", "。"])
def test_a_megabyte_of_anything_is_split(part: str) -> None:
    assert sentences(part * ((1 << 20) // len(part))) is not None
