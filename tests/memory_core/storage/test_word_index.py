from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from things import holding, item, put, whole

from routemem.memory_core.records import Chunk
from routemem.memory_core.storage import word_index
from routemem.memory_core.storage.sqlite import SqliteStore

CHECK = "insert into words(words, rank) values('integrity-check', 1)"
HOSTILE = [
    '"', '""', '"""', "'", "*", "harbour*", "^harbour", "-harbour", "+", "(", ")", "()", "{text}",
    "text:", "text : harbour", "NOT", "AND", "OR", "NEAR", "NEAR(a b)", "near/2", "\0", "a\0b",
    'harb"our', "'; drop table items; --", "\\", "%", "_", ":", ",", ".", "", " ", "\n", "rank",
    "🦊", "\u200b", "a" * 5000, "ﬀ", "\u0301", "\ufffd",
]  # fmt: skip


def test_words_match_by_their_stem_whatever_their_case_or_accents(store: SqliteStore) -> None:
    kept = put(store, "Zoë was RUNNING in the cafés")
    for word in ("zoe", "ZOË", "run", "runs", "cafe", "CAFÉ"):
        assert holding(store, word) == [kept.row], word


@pytest.mark.parametrize("word", HOSTILE)
def test_no_word_is_an_operator(store: SqliteStore, word: str) -> None:
    kept = put(store, "the harbour is calm")
    put(store, "something else entirely")
    holding(store, word)
    assert holding(store, word, "calm") == [kept.row]


def test_thousands_of_words_are_one_question(store: SqliteStore) -> None:
    kept = put(store, "the harbour is calm")
    assert holding(store, *(f"w{number}" for number in range(6000)), "calm") == [kept.row]


def test_texts_with_nul_and_quotes_are_found_and_erased_cleanly(store: SqliteStore) -> None:
    kept = put(store, 'before\0after "quoted" \u202e', speaker="N\0ame")
    assert holding(store, "before") == holding(store, "quoted") == [kept.row]
    with store.atomic():
        store.erase(kept.row)
        store.db.execute(CHECK)
    assert holding(store, "before", "after", "quoted", "name") == []


def fill(store: SqliteStore) -> SqliteStore:
    """Put in 110 texts, 50 with "harbour", 20 of them with "boats", 3 with "lighthouse"."""
    with store.atomic():
        for number in range(50):
            rest = "boats" * (number < 20) + " lighthouse" * (number >= 47)
            put(store, f"harbour {number} {rest}")
    for number in range(60):
        put(store, f"nothing of the kind {number}")
    return store


@pytest.fixture(scope="module")
def filled() -> Iterator[SqliteStore]:
    with closing(SqliteStore(None, "global", "a", now=0.0)) as store:
        yield fill(store)


@pytest.fixture
def common_and_rare(filled: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    """A store of these texts, which take them for many; only to be read."""
    monkeypatch.setattr(word_index, "SMALL", 0)
    return filled


@pytest.mark.parametrize(
    ("postings", "expected"), [(1000, 50), (73, 50), (72, 23), (23, 23), (22, 3), (1, 3), (0, 3)]
)
def test_the_most_common_words_are_dropped_until_a_question_is_affordable(
    common_and_rare: SqliteStore, postings: int, expected: int
) -> None:
    asked = ("harbour", "boat", "lighthouses")  # counted by their stems
    assert len(holding(common_and_rare, *asked, postings=postings)) == expected


def test_a_word_in_most_texts_is_not_looked_up_beside_others(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_index, "SMALL", 0)
    fill(store)
    for number in range(60):
        put(store, f"another harbour {number}")
    assert len(holding(store, "harbour", "lighthouse", postings=1000)) == 3


def test_the_only_word_is_never_dropped(common_and_rare: SqliteStore) -> None:
    assert len(holding(common_and_rare, "harbour", postings=0)) == 50


@pytest.mark.parametrize("word", HOSTILE)
def test_counting_a_word_is_harmless_too(common_and_rare: SqliteStore, word: str) -> None:
    assert len(holding(common_and_rare, word, "lighthouse", postings=10)) == 3


def test_words_nobody_wrote_cost_nothing(common_and_rare: SqliteStore) -> None:
    asked = (*(f"unknown{number}" for number in range(20)), "lighthouse")
    assert len(holding(common_and_rare, *asked, postings=3)) == 3


TEXTS = st.lists(
    st.sampled_from(["red", "green", "blue", "é", "x\0y", '"', "日本", "\n", "running"]), max_size=6
).map(" ".join)


class WordIndexMachine(RuleBasedStateMachine):
    """Whatever is inserted, rewritten, amended and erased, the index holds what the items say."""

    def __init__(self) -> None:
        super().__init__()
        self.store = SqliteStore(None, "global", "a", now=0.0)
        self.rows: list[int] = []
        self.number = 0

    def chunks(self, text: str, cut: int) -> list[Chunk]:
        cut = text.find(" ", cut)
        if cut < 0:
            return whole(text)
        return [Chunk(0, cut, text[:cut]), Chunk(cut, len(text), text[cut:])]

    @rule(text=TEXTS, speaker=st.sampled_from(["", "Ann", "N\0é"]), cut=st.integers(0, 8))
    def insert(self, text: str, speaker: str, cut: int) -> None:
        self.number += 1
        said = item(text, speaker=speaker, digest=str(self.number).encode())
        with self.store.atomic():
            self.rows.append(self.store.insert(said, self.chunks(text, cut)).row)

    @rule(text=TEXTS, speaker=st.sampled_from(["", "Bob"]), at=st.integers(0, 99))
    def rewrite(self, text: str, speaker: str, at: int) -> None:
        if self.rows:
            row = self.rows[at % len(self.rows)]
            old = self.store.items([row])[row]
            with self.store.atomic():
                self.store.rewrite(replace(old, text=text, speaker=speaker), self.chunks(text, at))

    @rule(at=st.integers(0, 99))
    def amend(self, at: int) -> None:
        if self.rows:
            row = self.rows[at % len(self.rows)]
            old = self.store.items([row])[row]
            with self.store.atomic():
                self.store.amend(replace(old, speaker="somebody else", text="else", priority=1))

    @rule(at=st.integers(0, 99))
    def erase(self, at: int) -> None:
        if self.rows:
            with self.store.atomic():
                self.store.erase(self.rows.pop(at % len(self.rows)))

    @rule()
    def fail(self) -> None:
        try:
            with self.store.atomic():
                self.store.insert(item("never", digest=b"never"), whole("never"))
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    @rule()
    def compact(self) -> None:
        self.store.compact()

    @invariant()
    def the_index_agrees_with_the_items(self) -> None:
        with self.store.atomic():
            self.store.db.execute(CHECK)
        said = {
            row for row, kept in self.store.items(self.rows).items() if "red" in kept.text.split()
        }
        assert holding(self.store, "red") == sorted(said)
        assert holding(self.store, "never") == []

    def teardown(self) -> None:
        self.store.close()


TestWordIndex = WordIndexMachine.TestCase
TestWordIndex.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_the_check_of_the_machine_can_fail(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db", "global", "a", now=0.0)
    kept = put(store, "red")
    with store.atomic():
        store.db.execute("update items set text = 'green' where row = ?", (kept.row,))
    with pytest.raises(Exception, match="is damaged"), store.atomic():
        store.db.execute(CHECK)
