"""Repeated, superseded, or neither: the values decide, however like two texts are."""

import pytest

from routemem.memory_core.lifecycle.supersession import read, relation
from routemem.memory_core.lifecycle.values import asks_for_older, says_the_same, words_of


def told(newer: str, older: str, cosine: float) -> str:
    """The relation of two texts."""
    return relation(read(newer), read(older), cosine)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("My home is in Oslo.", "I live in Oslo."),
        ("I'm celiac.", "I keep a celiac diet."),
        ("My bike is a Trek Domane.", "I ride a Trek Domane."),
    ],
)
def test_the_same_in_other_words_is_a_repetition_only_when_it_is_alike(one: str, two: str) -> None:
    a, b = words_of(one), words_of(two)
    assert says_the_same(a, b)
    assert says_the_same(b, a)
    assert told(two, one, 0.8) == "repeats"
    assert told(two, one, 0.5) == ""


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("I keep a celiac diet.", "I keep a halal diet."),
        ("The fare is 20 euros", "The fare is 30 euros"),
        ("I ride a Trek Domane.", "I ride a Canyon Endurace."),
        ("The gate is closed", "The gate is not closed"),
        ("My friend Ann takes tea with milk", "My friend Ann takes tea with sugar"),
    ],
)
def test_no_likeness_makes_another_value_a_repetition(older: str, newer: str) -> None:
    for cosine in (0.3, 0.7, 0.99, 1.0):
        assert told(newer, older, cosine) != "repeats"
    assert told(newer, older, 0.9) in ("supersedes", "may_supersede")


def test_a_short_text_that_speaks_of_a_change_supersedes_what_it_is_related_to() -> None:
    assert told("I moved to Oslo", "I live in Turin", 0.4) == "supersedes"
    assert told("I moved to Oslo", "The kettle is broken", 0.1) == ""
    # Said the other way round nothing speaks of a change.
    assert told("I live in Turin", "I moved to Oslo", 0.4) == ""


def test_two_dates_do_not_make_short_texts_alike() -> None:
    new, old = read("I moved to Oslo"), read("The kettle is broken")
    assert relation(new, old, 0.4) == "supersedes"
    assert relation(new, old, 0.4, dated=True) == ""
    assert relation(read("I live in Turin"), read("My home is in Turin"), 0.7, dated=True) == ""


def test_bare_numbers_are_about_nothing() -> None:
    assert told("583", "582", 1.0) == ""


OLD = (
    "I am planning the harvest festival and the parish council has set aside a tent budget of "
    "$900 for it, which should do if the weather holds; what else should I think of?"
)
NEW = (
    "Could you write to the band for me? By the way the parish council tent budget for the harvest "
    "festival is $1,200, so there is room for a second tent beside the stage."
)


def test_another_number_for_the_same_thing_may_supersede_in_either_order_of_writing() -> None:
    assert told(NEW, OLD, 0.45) == "may_supersede"
    assert told(OLD, NEW, 0.45) == "may_supersede"
    assert told(NEW.replace("is $1,200", "is now $1,200"), OLD, 0.45) == "supersedes"
    assert told(NEW, OLD, 0.25) == ""


def test_another_number_for_another_thing_supersedes_nothing() -> None:
    other = (
        "I am planning the harvest festival and the choir has asked for an organ loan of "
        "$300 per evening, so tell me what a fair share of the ticket sales would be for them."
    )
    assert told(other, OLD, 0.6) == ""
    assert told(NEW.replace("$1,200", "1,200 words"), OLD, 0.6) == ""


def test_a_change_elsewhere_in_a_long_text_says_nothing_of_what_both_share() -> None:
    new = (
        "My sister moved to a flat near the harbour last year and likes it. Could you also draft "
        "an invitation to the harvest festival with the parish council tent in the drawing?"
    )
    assert told(new, OLD, 0.5) == ""


def test_the_older_is_asked_for_by_a_name_or_number_that_it_alone_has() -> None:
    def asks(question: str, newer: str, older: str) -> bool:
        return asks_for_older(words_of(question), words_of(newer), words_of(older))

    old, new = "I said that I read 10 books with Ann", "I read 12 books with Bo"
    assert asks("Did I read with Ann?", new, old)
    assert asks("Who read 10 books?", new, old)
    assert not asks("How many books did I read?", new, old)  # "I" names nobody
    assert not asks("Does AI help?", "AI is at 90 %", "AI was at 87 %, AI is new")
    assert asks("What is in parcel 7?", "parcel 5 in aisle 7", "parcel 7 in aisle 7")
