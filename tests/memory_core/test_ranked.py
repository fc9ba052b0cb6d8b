"""What ranking does to a store as a user has one: talk, notes, preferences, code, facts."""

from collections.abc import Iterator

import pytest

from routemem.memory_core import Memory, Settings
from routemem.memory_core.memory import Memory as Opened

LOG = (
    ("turn", "Ann", "2024-03-02", "I finally signed up for the pottery class on Tuesdays!"),
    ("turn", "Bo", "2024-03-02", "Nice! What made you do it?"),
    ("turn", "Ann", "2024-03-02", "My sister gave me a voucher for my birthday."),
    ("turn", "Bo", "2024-05-11", "I ran my first half marathon yesterday, in two hours."),
    ("turn", "Ann", "2024-05-11", "Wow, congratulations! I could never run that far."),
    ("turn", "Bo", "2024-05-11", "Next I want to try a pottery class like you."),
    ("note", "", "", "The user wants every answer in French, also in code reviews."),
    ("note", "", "", "I prefer examples with type hints."),
    ("note", "", "", "The staging database is restored from the nightly dump at 04:00."),
    ("note", "", "", "Deploys go through the blue environment first because of the 2023 outage."),
    ("note", "", "", "Ann is allergic to hazelnuts, not to other nuts."),
    ("code", "", "", "def retry(call, times=3):\n    for _ in range(times):\n        call()"),
    ("code", "", "", "SELECT count(*) FROM orders WHERE shipped_at IS NULL"),
    ("doc", "", "", "Onboarding. Laptops are ordered by the office a week before the first day. "
                    "Badges are at the reception. Parking needs a permit from the city."),
    ("doc", "", "", "Release policy. A release is cut every second Thursday; hotfixes any day."),
)  # fmt: skip


@pytest.fixture(scope="module")
def memory() -> Iterator[Opened]:
    with Memory.open(None, settings=Settings(token_counter="estimate")) as opened:
        for kind, speaker, when, text in LOG:
            opened.remember(text, kind=kind, speaker=speaker, when=when or None)
        opened.set_fact("ann.city", "Ghent", valid_from="2025-01", source="user")
        opened.set_fact("user.deadline", "2026-12-01")
        yield opened


def test_a_stretch_of_time_holds_what_happened_in_it_and_nothing_else(memory: Opened) -> None:
    hits = memory.recall("pottery class", since="2024-05-06", until="2024-05-12", top_k=50).hits
    assert {hit.text for hit in hits} == {text for _, _, when, text in LOG if when == "2024-05-11"}


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("Why did Ann start pottery?", "voucher"),
        ("Who gave Ann the voucher?", "sister"),
        ("When did Bo run a half marathon?", "first half marathon"),
        ("What did Bo do in May?", "half marathon"),
        ("Which language should answers be in?", "French"),
        ("when is the staging db refreshed", "nightly dump"),
        ("Why do we deploy to blue first?", "2023 outage"),
        ("What can Ann not eat?", "hazelnuts"),
        ("function that tries again on failure", "def retry"),
        ("sql for unshipped orders", "SELECT count"),
        ("how do new colleagues get a laptop", "Laptops"),
        ("on which weekday do we release", "Thursday"),
        ("Can you help me to write a parser for these logs?", "type hints"),
    ],
)
def test_the_right_memory_is_among_the_first_two(memory: Opened, question: str, says: str) -> None:
    first = memory.recall(question, top_k=2).hits
    assert any(says in hit.text for hit in first), [hit.text for hit in first]


def test_a_fact_that_is_asked_for_comes_first_with_where_it_is_from(memory: Opened) -> None:
    found = memory.recall("Which city does Ann live in?", top_k=2)
    fact, *rest = found.hits
    assert (fact.id, fact.kind, fact.origin) == ("ann.city", "fact", "user")
    assert fact.text == "ann.city: Ghent (since 2025-01-01)"
    assert len(rest) == 2
    assert found.confidence == "high"


def test_a_fact_is_not_on_the_second_page_and_costs_no_memory_its_place(memory: Opened) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = memory.recall("What is the deadline?", top_k=5, cursor=cursor)
        seen += [hit.id for hit in page.hits]
        cursor = page.cursor
        if not cursor:
            break
    assert seen[0] == "user.deadline"
    assert len(seen) == len(set(seen)) == 1 + len(LOG)


def test_a_filtered_recall_brings_no_facts(memory: Opened) -> None:
    found = memory.recall("What is the deadline?", kinds=["note"]).hits
    assert {hit.kind for hit in found} == {"note"}


def test_what_nobody_spoke_of_has_low_confidence(memory: Opened) -> None:
    known = memory.recall("Who gave Ann the voucher for the pottery class?")
    unknown = memory.recall("What did Bo name his submarine?")
    assert known.confidence == "high"
    assert unknown.confidence in ("low", "none")
    assert memory.recall().confidence == ""


def test_an_explanation_names_each_signal(memory: Opened) -> None:
    (hit,) = memory.recall("When did Bo run in May?", top_k=1, explain=True).hits
    assert hit.signals["speaker"] == hit.signals["period"] == hit.signals["when"] == 1
    assert {"meaning", "words", "tokens", "conversation_words"} <= hit.signals.keys()
    assert not memory.recall("Bo").hits[0].signals


def test_token_codes_go_when_their_memory_is_deleted(memory: Opened) -> None:
    kept = memory.remember("A line that will be deleted again.")
    item = memory.find(kept.id)
    assert item is not None
    rows = [row for row, at in memory.store.owners(range(1, 99)).items() if at == item.row]
    assert len(memory.store.token_codes(rows)[rows[0]]) % 16 == 0
    memory.forget([kept.id], mode="delete")
    assert memory.store.token_codes(rows) == {}


def test_an_order_of_conversation_survives_a_change_by_another_caller(memory: Opened) -> None:
    before = memory.recall("pottery", top_k=3).hits
    kept = memory.remember("Ann dropped the pottery class in July.", kind="note")
    assert kept.id in {hit.id for hit in memory.recall("Ann pottery July", top_k=2).hits}
    memory.forget([kept.id], mode="purge")
    assert [h.id for h in memory.recall("pottery", top_k=3).hits] == [h.id for h in before]
