"""Several scopes are read as one: the better match first, the nearer fact, each with its scope."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import InvalidArgument, InvalidScope, NotFound
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.scopes.chain import read_chain
from routemem.memory_core.settings import Settings

CHAIN = ("session:s", "user:u", "global")


@pytest.fixture
def chained(settings: Settings, clock: StoppedClock) -> Iterator[Scopes]:
    """Writes to user:u, reads session:s, user:u and global."""
    with Scopes(replace(settings, scope="user:u", chain=CHAIN), clock=clock) as scopes:
        yield scopes


def fill(scopes: Scopes) -> None:
    """Unrelated memories everywhere, of different number."""
    for scope, n in (("session:s", 3), ("user:u", 12), ("global", 40)):
        for number in range(n):
            scopes.open(scope).remember(f"{scope} note {number} about the weather and the garden")


def test_hits_say_their_scope(chained: Scopes) -> None:
    for scope in CHAIN:
        chained.open(scope).remember(f"{scope} keeps a harbour")
    hits = chained.recall("harbour").hits
    assert {hit.scope for hit in hits} == set(CHAIN)
    assert all(hit.text.startswith(hit.scope) for hit in hits)


@pytest.mark.parametrize("better", CHAIN)
@pytest.mark.parametrize("worse", CHAIN)
def test_a_better_match_comes_first_wherever_it_is(
    chained: Scopes, better: str, worse: str
) -> None:
    fill(chained)
    chained.open(better).remember("The crane inspection certificate expires in March")
    chained.open(worse).remember("The lift certificate is in the blue folder")
    first = chained.recall("when does the crane inspection certificate expire").hits[0]
    assert (first.scope, first.text[:9]) == (better, "The crane")


def test_a_word_that_is_in_all_of_a_small_scope_does_not_lose_its_weight(chained: Scopes) -> None:
    fill(chained)
    for number in range(3):
        chained.open("session:s").remember(f"harbour plan, page {number}")
    chained.open("global").remember("the garden plan has a page on roses")
    hits = chained.recall("harbour plan").hits[:3]
    assert {hit.scope for hit in hits} == {"session:s"}


def test_meaning_ranks_over_the_chain(settings: Settings, clock: StoppedClock) -> None:
    real = replace(settings, embedder="bundled", scope="user:u", chain=CHAIN)
    with Scopes(real, clock=clock) as scopes:
        scopes.open("session:s").remember("We talked about lunch and where to eat it.")
        scopes.open("user:u").remember("Reports start with a one-paragraph summary.")
        scopes.open("global").remember("Ann is allergic to hazelnuts, not to other nuts.")
        hits = scopes.recall("What could make her ill?").hits
    assert hits[0].scope == "global"
    assert len(hits) == 3


def test_words_alone_rank_over_the_chain_too(settings: Settings, clock: StoppedClock) -> None:
    lexical = replace(settings, embedder="none", scope="user:u", chain=CHAIN)
    with Scopes(lexical, clock=clock) as scopes:
        fill(scopes)
        scopes.open("global").remember("the crane inspection is due")
        found = scopes.recall("crane inspection")
        assert found.mode == "lexical"
        assert found.hits[0].scope == "global"


def test_a_hit_is_worth_over_the_chain_what_it_is_worth_in_its_scope(chained: Scopes) -> None:
    fill(chained)
    chained.open("global").remember("The crane inspection certificate expires in March")
    asked = "when does the crane inspection certificate expire"
    hits = chained.recall(asked, top_k=20).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits[:5]:
        alone = chained.open(hit.scope).recall(asked, top_k=20).hits
        assert hit.score == next(one.score for one in alone if one.id == hit.id)


def test_a_named_scope_is_read_alone(chained: Scopes) -> None:
    for scope in CHAIN:
        chained.open(scope).remember(f"{scope} keeps a harbour")
    assert {hit.scope for hit in chained.recall("harbour", scope="global").hits} == {"global"}


def test_the_same_text_is_shown_once_as_the_nearer_scopes(chained: Scopes) -> None:
    for scope in ("global", "session:s"):
        chained.open(scope).remember("the gate code changes on Monday")
    assert [hit.scope for hit in chained.recall("gate code").hits] == ["session:s"]


def test_pages_over_the_chain_go_through_everything_once(chained: Scopes) -> None:
    fill(chained)
    seen: list[str] = []
    cursor = ""
    while True:
        found = chained.recall("weather in the garden", top_k=7, cursor=cursor)
        seen += [hit.id for hit in found.hits]
        cursor = found.cursor
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 55
    with pytest.raises(InvalidArgument, match="cursor"):
        chained.recall("weather in the garden", scope="global", cursor="7.0.abcdefgh")


def test_the_budget_holds_over_all_scopes_together(chained: Scopes) -> None:
    for scope in CHAIN:
        chained.open(scope).remember(f"{scope} harbour " + "word " * 400)
    found = chained.recall("harbour", max_tokens=300, cost=lambda hit: len(hit.text.split()))
    assert sum(len(hit.text.split()) for hit in found.hits) <= 300
    assert len(found.hits) == 3


def test_with_no_question_the_newest_of_all_scopes_come(
    chained: Scopes, clock: StoppedClock
) -> None:
    for scope in ("global", "session:s", "user:u"):
        chained.open(scope).remember(f"of {scope}")
        clock.advance(seconds=60)
    assert [hit.scope for hit in chained.recall().hits] == ["user:u", "session:s", "global"]


def test_only_what_is_shown_counts_as_read(chained: Scopes) -> None:
    fill(chained)
    shown = {hit.id for hit in chained.recall("weather", top_k=2).hits}
    for scope in CHAIN:
        memory = chained.open(scope)
        memory.remember("so that what waits is flushed")
        read = {hit.id for hit in memory.recall(top_k=50).hits if _reads(chained, hit.id)}
        assert read <= shown


def _reads(scopes: Scopes, id: str) -> int:
    item = scopes.locate(id).find(id)
    assert item
    return item.access_count


def test_turns_bring_their_neighbours_from_their_own_scope(
    chained: Scopes, clock: StoppedClock
) -> None:
    for scope in ("user:u", "global"):
        memory = chained.open(scope)
        for text in ("before", f"the harbour of {scope}", "after"):
            memory.remember(f"{text} {scope}", kind="turn", speaker="Ann", when=clock())
            clock.advance(seconds=5)
    found = chained.recall("harbour", top_k=2, neighbours=1)
    owner = {hit.id: hit.scope for hit in found.hits}
    near = [hit for hit in found.hits if hit.neighbour_of]
    assert len(near) == 4
    assert all(owner[hit.neighbour_of] == hit.scope for hit in near)


def test_the_nearer_fact_wins_and_tells_what_it_hides(chained: Scopes) -> None:
    chained.open("global").set_fact("editor", "vi")
    chained.open("user:u").set_fact("editor", "emacs")
    chained.open("global").set_fact("city", "Ghent")
    found = {fact.key: fact for fact in chained.get_facts()}
    assert (found["editor"].value, found["editor"].scope) == ("emacs", "user:u")
    assert found["editor"].hides == ("global",)
    assert (found["city"].scope, found["city"].hides) == ("global", ())
    history = chained.get_facts(["editor"], history=True)
    assert [(fact.value, fact.scope) for fact in history] == [
        ("emacs", "user:u"), ("vi", "global"),
    ]  # fmt: skip
    (alone,) = chained.get_facts(["editor"], scope="global")
    assert (alone.value, alone.scope) == ("vi", "")


def test_writes_go_to_one_scope(chained: Scopes) -> None:
    chained.open().remember("only here")
    chained.open().set_fact("k", 1)
    assert {hit.scope for hit in chained.recall("only here").hits} == {"user:u"}
    assert [fact.scope for fact in chained.get_facts()] == ["user:u"]
    assert chained.names() == ["user:u"]


def test_a_key_is_read_in_the_nearest_scope_that_has_it(chained: Scopes) -> None:
    chained.open("global").remember("far", key="k")
    assert [hit.text for hit in chained.recall(ids=["k"]).hits] == ["far"]
    chained.open("session:s").remember("near", key="k")
    assert [hit.text for hit in chained.recall(ids=["k"]).hits] == ["near"]


def test_the_chain_may_be_read_whatever_the_list_says(
    settings: Settings, clock: StoppedClock
) -> None:
    pinned = replace(settings, scope="user:u", chain=CHAIN, allow_scope=("user:u",))
    with Scopes(pinned, clock=clock) as scopes:
        assert [name for name in (*CHAIN, "user:v") if scopes.allows(name)] == list(CHAIN)


def test_what_is_written_to_is_always_read() -> None:
    assert read_chain("global", []) == ("global",)
    assert read_chain("global", ["user:a", "project:b"]) == ("user:a", "project:b", "global")
    assert read_chain("user:a", ["project:b", "global"]) == ("user:a", "project:b", "global")
    assert read_chain("user:a", ["global", "user:a", "global"]) == ("global", "user:a")


def test_a_malformed_chain_is_refused_at_once(settings: Settings) -> None:
    with pytest.raises(InvalidScope):
        Scopes(replace(settings, chain=("bob",)))


def test_what_is_archived_in_any_scope_is_counted(chained: Scopes) -> None:
    for scope in CHAIN:
        id = chained.open(scope).remember(f"{scope} keeps a harbour").id
        chained.forget([id])
    chained.open("global").remember("the harbour is open")
    assert chained.recall("harbour").archived == 3
    assert chained.recall("harbour", include_archived=True).archived == 0
    assert chained.recall("harbour", top_k=1).archived == 0  # as many came as were asked for


def test_nothing_anywhere_is_an_empty_answer(chained: Scopes) -> None:
    found = chained.recall("anything")
    assert (found.hits, found.stored, found.cursor) == ((), 0, "")
    assert chained.get_facts() == []


def test_a_fact_that_a_nearer_scope_hides_is_said_to_be_hidden(
    settings: Settings, clock: StoppedClock
) -> None:
    with Scopes(replace(settings, chain=("user:y", "global")), clock=clock) as scopes:
        assert scopes.set_fact("city", "Ghent").note == ""
        assert scopes.set_fact("city", "Bruges", scope="user:y").note == ""
        note = scopes.set_fact("city", "Rome").note
        assert 'scope="user:y" changes that one' in note
        assert note.startswith("Written to global")
        assert [fact.value for fact in scopes.get_facts(["city"])] == ["Bruges"]


def test_a_key_read_over_the_chain_is_forgotten_over_the_chain(chained: Scopes) -> None:
    chained.set_fact("city", "Bruges", scope="session:s")
    chained.set_fact("city", "Ghent", scope="global")
    chained.set_fact("only", 1, scope="session:s")
    chained.open("global").remember("The mill.", key="mill")
    (done,) = chained.forget(["city"])
    assert (done.scope, done.shows) == ("session:s", "global")
    assert [fact.value for fact in chained.get_facts(["city"])] == ["Ghent"]
    (done,) = chained.forget(["city"])
    assert (done.scope, done.shows) == ("global", "")
    assert chained.get_facts(["city"]) == []
    assert [one.scope for one in chained.forget(["only"])] == ["session:s"]
    assert chained.forget(["mill"])[0].state == "archived"
    with pytest.raises(NotFound):
        chained.forget(["cit*"])
