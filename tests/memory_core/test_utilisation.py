"""One number says how full the context would be; it is kept, not counted again."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stopped_clock import StoppedClock

from routemem.memory_core.memory import Memory
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.sqlite import SqliteStore

COUNTED = """
select coalesce(sum(case state when 'active' then tokens when 'compressed' then summary_tokens
    else 0 end), 0) from items where kind <> 'turn'
"""


def test_a_new_memory_uses_nothing(memory: Memory) -> None:
    use = memory.utilisation()
    assert (use.used, use.percent, use.high) == (0, 0, False)
    assert (use.context, use.model) == (128_000, "default")


def test_what_is_stored_counts_until_it_is_out_of_the_way(memory: Memory) -> None:
    receipt = memory.remember("The mill turns slowly by the river. " * 30)
    assert memory.utilisation().used == receipt.tokens
    memory.compress([receipt.id], summary="The mill turns.")
    assert 0 < memory.utilisation().used < receipt.tokens / 10
    memory.forget([receipt.id], mode="restore")
    assert memory.utilisation().used == receipt.tokens
    memory.forget([receipt.id], mode="archive")
    assert memory.utilisation().used == 0
    memory.forget([receipt.id], mode="restore")
    memory.remember("Shorter now.", id=receipt.id)
    assert 0 < memory.utilisation().used < 10
    memory.forget([receipt.id], mode="purge")
    assert memory.utilisation().used == 0


def test_facts_count_while_they_are_true(memory: Memory) -> None:
    memory.set_fact("user.city", "Ghent")
    one = memory.utilisation().used
    assert 10 < one < 30
    memory.set_fact("user.city", "Lyons", valid_from="2020-01-01")
    assert one <= memory.utilisation().used <= one + 2
    memory.forget(["user.city"], mode="purge")
    assert memory.utilisation().used == 0


def test_of_a_long_conversation_only_the_recent_turns_count(
    memory: Memory, clock: StoppedClock
) -> None:
    for n in range(60):
        clock.advance(seconds=5)
        memory.log_turn(f"topic{n} " + "and so it went on " * 20, f"reply{n}")
    assert memory.status().tokens > 4000
    assert memory.utilisation().used <= 3000


def test_the_model_of_the_settings_is_the_measure(tmp_path: Path) -> None:
    chosen = Settings(model="openai/gpt-4", embedder="hash")
    with Memory.open(tmp_path / "m.db", embedder="hash", settings=chosen) as memory:
        tokens = memory.remember("mill " * 6200).tokens
        use = memory.utilisation()
        assert (use.model, use.context, use.used) == ("gpt-4", 8192, tokens)
        assert use.high
        assert use.percent == -(-100 * tokens // 8192)


def test_it_is_near_what_a_context_for_everything_has(memory: Memory) -> None:
    for n in range(40):
        memory.remember(f"The mill number {n} turns by the river. " * 5)
        memory.set_fact(f"mill.{n}", f"wheel {n}")
    packed = memory.get_context("mill", max_tokens=100_000)
    assert packed.omitted == 0
    assert 0.6 * packed.tokens < memory.utilisation().used < 1.2 * packed.tokens


steps = st.lists(
    st.tuples(
        st.sampled_from(["remember", "turn", "compress", "archive", "restore", "purge", "rewrite"]),
        st.integers(0, 5),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_the_kept_number_is_what_counting_gives(made: list[tuple[str, int]]) -> None:
    with Memory.open(None, embedder="none") as memory:
        store = memory.store
        assert isinstance(store, SqliteStore)
        ids = [memory.remember(f"the {n}th mill turns by the river " * 9).id for n in range(6)]
        for number, (step, n) in enumerate(made):
            item = memory.find(ids[n])
            if step == "remember":
                memory.remember(f"extra {number}", kind="doc")
            elif step == "turn":
                memory.log_turn(f"said {number}")
            elif step == "rewrite" and item:
                memory.remember(f"anew {number}", id=ids[n])
            elif step == "compress" and item and item.state == "active":
                memory.compress([ids[n]])
            elif step in ("archive", "restore", "purge") and item:
                memory.forget([ids[n]], mode=step)
            kept = store.db.value("select tokens from shown_tokens where part = 'items'")
            assert kept == store.db.value(COUNTED)


def test_asking_reads_no_item(memory: Memory) -> None:
    memory.remember("The mill turns.")
    store = memory.store
    assert isinstance(store, SqliteStore)
    from routemem.memory_core.storage.totals import SHOWN

    plan = [row[-1] for row in store.db.rows(f"explain query plan {SHOWN}")]
    scanned = [step for step in plan if step.startswith("SCAN")]
    assert sorted(scanned) == ["SCAN CONSTANT ROW", "SCAN recent", "SCAN shown_tokens"]


@pytest.mark.parametrize("existing", [0, 3])
def test_a_file_from_before_is_counted_once(tmp_path: Path, existing: int) -> None:
    from routemem.memory_core.storage import migrations, totals

    path = tmp_path / "old.db"
    with Memory.open(path, embedder="none") as memory:
        tokens = sum(memory.remember(f"mill {n} turns").tokens for n in range(existing))
        store = memory.store
        assert isinstance(store, SqliteStore)
        with store.db.atomic():
            for table in ("items", "facts"):
                for ending in ("more", "less", "other"):
                    store.db.execute(f"drop trigger {table}_shown_{ending}")
            store.db.execute("drop table shown_tokens")
            store.db.execute("delete from migrations where name = 'm009_shown_tokens'")
    assert totals.SCHEMA
    assert "m009_shown_tokens" in dict(migrations.MIGRATIONS)
    with Memory.open(path, embedder="none") as again:
        assert again.utilisation().used == tokens
