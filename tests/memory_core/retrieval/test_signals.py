"""What speaks for an item, and the conversations it is read off."""

from dataclasses import replace

import numpy as np
import pytest
from outlines import turns

from routemem.memory_core.records import ASKS, COUNTED, DENIES, PREFERS, TIMED
from routemem.memory_core.retrieval.cues import Cues, read_cues
from routemem.memory_core.retrieval.outline import NONE, Outline
from routemem.memory_core.retrieval.ranking import best, weighted
from routemem.memory_core.retrieval.signals import (
    best_of_conversation,
    cue_signals,
    lexical_signals,
    meaning_signals,
)
from routemem.memory_core.retrieval.words import match

MINUTE = 60.0


@pytest.fixture
def talk() -> Outline:
    """Two conversations: turns 1 to 3, and 4 and 5 an hour later."""
    return turns(("Ann", 0), ("Bo", 0), ("Ann", 20 * MINUTE), ("Bo", 6000), ("Ann", 6000))


def rows(*numbers: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(numbers, np.int64)


def test_a_pause_of_more_than_half_an_hour_ends_a_conversation(talk: Outline) -> None:
    assert talk.conversation.tolist() == [0, 0, 0, 1, 1]
    assert talk.previous.tolist() == [NONE, 0, 1, NONE, 3]
    assert talk.following.tolist() == [1, 2, NONE, 4, NONE]


def test_what_is_no_turn_is_in_no_conversation() -> None:
    notes = turns(("", 0), ("", 0), turn=False)
    assert notes.conversation.tolist() == [NONE, NONE]
    words = match(["red"], [rows(10)], notes)
    signals = lexical_signals(notes, words)
    assert [signals[name].tolist() for name in sorted(signals)] == [[1.0, 0.0]] * 3


def test_a_word_in_the_turn_before_counts_for_the_reply(talk: Outline) -> None:
    words = match(["fox", "den"], [rows(10), rows(11)], talk)
    signals = lexical_signals(talk, words)
    np.testing.assert_allclose(signals["words"], [0.5, 1.0, 0.5, 0.0, 0.0])
    np.testing.assert_allclose(signals["conversation_union"], [1, 1, 1, 0, 0])


def test_a_rare_word_tells_more_than_a_common_one(talk: Outline) -> None:
    rare, common = match(["fox", "the"], [rows(10), rows(10, 11, 12)], talk).weights
    assert rare > common > 0
    assert rare + common == pytest.approx(1)


def test_a_word_that_stands_everywhere_or_names_the_speaker_tells_nothing(talk: Outline) -> None:
    assert match(["a", "fox"], [None, rows(10)], talk).weights.tolist() == [0, 1]
    assert match(["ann", "fox"], [rows(10), rows(11)], talk, {"ann"}).weights.tolist() == [0, 1]


def test_a_question_of_a_name_alone_still_looks_for_it(talk: Outline) -> None:
    assert match(["ann"], [rows(10)], talk, {"ann"}).weights.tolist() == [1]


def test_words_may_stand_in_different_chunks_of_one_item() -> None:
    long = turns(("", 0), ("", 0), chunks=[3, 1], turn=False)
    words = match(["fox", "den"], [rows(10), rows(12)], long)
    np.testing.assert_allclose(lexical_signals(long, words)["words"], [1, 0])


def test_the_three_best_turns_make_a_conversation(talk: Outline) -> None:
    told = best_of_conversation(np.array([0.9, 0.3, 0.0, 1.0, 0.5]), talk)
    np.testing.assert_allclose(told, [0.4, 0.4, 0.4, 0.75, 0.75])


def test_the_named_speaker_s_turns_are_meant(talk: Outline) -> None:
    cues = read_cues("What did ann say?", talk.names, 0.0)
    signal = cue_signals(talk, match(["ann"], [rows()], talk, cues.name_words), cues)["speaker"]
    assert signal.tolist() == [1, 0, 1, 0, 1]


def test_a_note_that_mentions_the_name_is_meant_as_well() -> None:
    mixed = turns(("Ann", 0), ("", 0), ("", 0))
    cues = read_cues("What about Ann?", mixed.names, 0.0)
    words = match(["ann"], [rows(10, 12)], mixed, cues.name_words)
    assert cue_signals(mixed, words, cues)["speaker"].tolist() == [1, 0, 1]


@pytest.mark.parametrize("question", ["What did Ann tell Bo?", "What did she say?", "user or Cy?"])
def test_two_names_or_none_mean_nobody(talk: Outline, question: str) -> None:
    assert read_cues(question, [*talk.names, "user"], 0.0).speaker == ""


def test_a_first_name_is_enough_when_it_is_one_person_s() -> None:
    assert read_cues("Where is Ann?", ["Ann Lee", "Bo Ray"], 0.0).speaker == "Ann Lee"
    assert read_cues("Where is Ann Lee?", ["Ann Lee", "Ann Ray"], 0.0).speaker == "Ann Lee"
    assert read_cues("Where is Ann?", ["Ann Lee", "Ann Ray"], 0.0).speaker == ""


@pytest.mark.parametrize(
    ("question", "when", "how_many"),
    [
        ("When did it rain?", True, False),
        ("what year was it", True, False),
        ("How long was it?", True, True),
        ("How many foxes?", False, True),
        ("Say when", False, False),
    ],
)
def test_a_question_for_a_time_or_a_number_wants_what_has_one(
    talk: Outline, question: str, when: bool, how_many: bool
) -> None:
    told = replace(talk, traits=np.array([TIMED, COUNTED, ASKS, 0, TIMED | COUNTED]))
    cues = read_cues(question, (), 0.0)
    signals = cue_signals(told, match([], [], told), cues)
    assert signals["when"].tolist() == [when, 0, 0, 0, when]
    assert signals["how_many"].tolist() == [0, how_many, 0, 0, how_many]
    assert signals["asks"].tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("question", "seeks"),
    [
        ("Can you show me how a sourdough is made?", True),
        ("How should I name the branch?", True),
        ("Suggest a restaurant", True),
        ("What did Ann suggest?", False),
        ("Can you sum up how our conversations went?", False),
        ("Could you list the order in which I brought these up?", False),
        ("Where is Ann?", False),
    ],
)
def test_a_request_for_help_is_told_from_a_question_about_what_was(
    question: str, seeks: bool
) -> None:
    assert read_cues(question, (), 0.0).seeks_help == seeks


def test_a_preference_bears_on_a_request_for_help_unless_it_is_the_assistant_s_own() -> None:
    told = turns(("Ann", 0), ("assistant", 0), ("", 0))
    told = replace(told, traits=np.array([PREFERS, PREFERS, 0]))
    for question, expected in (("Can you help me?", [1, 0, 0]), ("Who is it?", [0, 0, 0])):
        signals = cue_signals(told, match([], [], told), read_cues(question, (), 0.0))
        assert signals["preference"].tolist() == expected


def test_signals_whose_data_is_absent_are_the_same_for_all() -> None:
    notes = turns(("", 5), ("", 9), ("", 5), turn=False)
    nothing = Cues("", frozenset(), False, False, ())
    signals = cue_signals(notes, match([], [], notes), nothing)
    assert all(len(set(values.tolist())) == 1 for values in signals.values())


def test_words_stand_for_a_vector_that_is_not_there_yet(talk: Outline) -> None:
    cosine = np.array([0.9, np.nan, 0.2, 0.5, np.nan])
    words = np.array([0.0, 1.0, 0.0, 0.0, 0.0])
    meaning = meaning_signals(talk, cosine, np.arange(5), words)["meaning"]
    np.testing.assert_allclose(meaning, [0.9, 0.9, 0.2, 0.5, 0.2])


def test_without_any_vector_meaning_says_nothing(talk: Outline) -> None:
    signals = meaning_signals(talk, np.full(5, np.nan), np.arange(5), np.ones(5))
    assert not any(values.any() for values in signals.values())


def test_the_weighted_sum_takes_what_is_there() -> None:
    signals = {"a": np.array([1.0, 2.0]), "b": np.array([0.5, 0.0]), "unknown": np.ones(2)}
    assert weighted(signals, {"a": 1.0, "b": 4.0, "c": 9.0}).tolist() == [3.0, 2.0]


@pytest.mark.parametrize("n", [0, 1, 3, 50])
def test_the_best_come_in_order_and_equal_ones_as_they_were(n: int) -> None:
    scores = np.array([0.5, 0.9, 0.5, 0.1, 0.9, *[0.0] * 40])
    assert best(scores, n).tolist() == np.argsort(-scores, kind="stable")[:n].tolist()


def test_a_denial_counts_when_the_question_is_whether_it_happened(talk: Outline) -> None:
    told = replace(talk, traits=np.array([DENIES, 0, DENIES, 0, 0]))
    for question, expected in (
        ("Have we met a fox in its den?", [0.5, 0, 0, 0, 0]),
        ("Where did we meet a fox?", [0, 0, 0, 0, 0]),
    ):
        words = match(["fox", "den"], [rows(10, 11), rows(11, 13)], told)
        signal = cue_signals(told, words, read_cues(question, told.names, 0.0))["denial"]
        np.testing.assert_allclose(signal, expected)


def test_an_assistant_s_denial_says_nothing_of_the_user() -> None:
    told = replace(turns(("assistant", 0), ("user", 0)), traits=np.array([DENIES, DENIES]))
    cues = read_cues("Did I ever see a fox?", told.names, 0.0)
    signal = cue_signals(told, match(["fox"], [rows(10, 11)], told), cues)["denial"]
    assert signal.tolist() == [0, 1]
