"""Two processes on one file: what one has acknowledged, the other sees at its next call."""

from collections.abc import Iterator

import pytest
from peer import Peer
from stopped_clock import StoppedClock

from routemem.memory_core.errors import NotFound
from routemem.memory_core.memory import Memory
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings

PEER = """
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
while (asked := hear()) is not None:
    call, args, named = asked
    if call == "open":
        settings = Settings(keyring=False, embedder="hash", **named)
        scopes = Scopes(settings, clock=lambda: now)
        memory = scopes.open()
    elif call == "close":
        scopes.close()
    else:
        answer = getattr(memory, call)(*args, **named)
    if call == "recall":
        answer = [[hit.id, hit.text, hit.cosine is not None] for hit in answer.hits]
    elif call == "get_facts":
        answer = [fact.value for fact in answer]
    elif call == "remember":
        answer = answer.id
    else:
        answer = None
    say(answer)
"""


class Other:
    """The same memory in the other process."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def __call__(self, call: str, *args: object, **named: object) -> object:
        return self._peer.ask([call, args, named])


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """One process for all tests, which opens a memory for each."""
    with Peer(PEER, now=StoppedClock()()) as peer:
        yield peer


@pytest.fixture
def other(peer: Peer, settings: Settings) -> Iterator[Other]:
    other = Other(peer)
    other("open", data_dir=settings.data_dir, key_dir=settings.key_dir)
    yield other
    other("close")


@pytest.fixture
def mine(scopes: Scopes) -> Memory:
    return scopes.open()


def found(memory: Memory, query: str) -> list[list[object]]:
    return [[hit.id, hit.text, hit.cosine is not None] for hit in memory.recall(query).hits]


def test_additions_are_seen_at_once_by_meaning_and_by_words(mine: Memory, other: Other) -> None:
    assert found(mine, "harbour") == other("recall", "harbour") == []
    theirs = other("remember", "the harbour is calm")
    assert found(mine, "harbour") == [[theirs, "the harbour is calm", True]]
    ours = mine.remember("a second harbour").id
    assert ours != theirs
    assert [ours, "a second harbour", True] in other("recall", "harbour")  # type: ignore[operator]


def test_updates_are_seen_at_once(mine: Memory, other: Other) -> None:
    id = mine.remember("the harbour is calm").id
    assert other("recall", "harbour")
    assert other("remember", "the lighthouse is dark", id=id) == id
    assert found(mine, "lighthouse") == [[id, "the lighthouse is dark", True]]
    assert "the harbour is calm" not in str(found(mine, "harbour"))
    mine.remember("the tower is dark", id=id)
    assert other("recall", "tower") == [[id, "the tower is dark", True]]


@pytest.mark.parametrize("mode", ["archive", "delete", "purge"])
def test_what_one_forgets_the_other_no_longer_finds(mine: Memory, other: Other, mode: str) -> None:
    ids = [mine.remember(f"the harbour of town {n}").id for n in range(4)]
    assert len(other("recall", "harbour")) == 4  # type: ignore[arg-type]
    other("forget", [ids[0]], mode=mode)
    assert ids[0] not in [id for id, *_ in found(mine, "harbour town")]
    mine.forget([ids[1]], mode=mode)
    left = other("recall", "harbour town")
    assert sorted(id for id, *_ in left) == sorted(ids[2:])  # type: ignore[attr-defined]


def test_what_one_deletes_the_other_restores(mine: Memory, other: Other) -> None:
    id = mine.remember("the harbour is calm").id
    mine.forget([id], mode="delete")
    other("forget", [id], mode="restore")
    assert [hit.text for hit in mine.recall("harbour").hits] == ["the harbour is calm"]


def test_facts_are_seen_at_once(mine: Memory, other: Other) -> None:
    mine.set_fact("user.city", "Zürich")
    assert other("get_facts", ["user.city"]) == ["Zürich"]
    other("set_fact", "user.city", "Basel")
    assert mine.get_fact("user.city") == "Basel"


def test_the_same_text_from_both_is_one_item(mine: Memory, other: Other) -> None:
    assert mine.remember("said twice").id == other("remember", "said twice")
    kept = mine.recall("said twice").hits
    assert len(kept) == 1
    found = mine.find(kept[0].id)
    assert found
    assert found.copies == 2


def test_a_key_names_one_item_whoever_uses_it(mine: Memory, other: Other) -> None:
    id = mine.remember("the first text", key="k").id
    assert other("remember", "the second text", key="k") == id
    assert [hit.text for hit in mine.recall(ids=["k"]).hits] == ["the second text"]


def test_after_all_vectors_were_made_anew_both_still_find(mine: Memory, other: Other) -> None:
    id = mine.remember("the harbour is calm").id
    assert other("recall", "harbour") == [[id, "the harbour is calm", True]]
    assert mine.upkeep.reindex() == 1
    assert other("recall", "harbour") == [[id, "the harbour is calm", True]]


def test_after_a_compaction_the_other_goes_on(mine: Memory, other: Other) -> None:
    ids = [mine.remember(f"the harbour of town {n}").id for n in range(5)]
    assert other("recall", "harbour")
    other("forget", ids[:3], mode="purge")
    mine.upkeep.gc()
    assert {id for id, *_ in other("recall", "harbour")} == set(ids[3:])  # type: ignore[attr-defined]
    assert other("remember", "the harbour of the last town")
    assert len(mine.recall("harbour").hits) == 3


def test_a_scope_made_by_the_other_is_known(
    scopes: Scopes, settings: Settings, clock: StoppedClock
) -> None:
    scopes.open("user:ann").remember("mine")
    with Scopes(settings, clock=clock) as others:
        id = others.open("user:bob").remember("theirs").id
        assert scopes.locate(id).recall(ids=[id]).hits[0].text == "theirs"
        assert scopes.names() == others.names() == ["user:ann", "user:bob"]
        with pytest.raises(NotFound):
            scopes.forget([id, "zz-1"])
