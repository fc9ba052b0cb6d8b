"""Moves between scopes keep ids, lose nothing and leave nothing behind, whenever they are cut."""

from pathlib import Path

import pytest
from stopped_clock import StoppedClock
from things import files_holding

from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound
from routemem.memory_core.lifecycle.actions import Action
from routemem.memory_core.scopes import Scopes, moving
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.registry import file_name


def test_a_moved_memory_keeps_its_id_and_is_found_in_its_new_scope(scopes: Scopes) -> None:
    id = scopes.open("session:s").remember("the grumblefitz is blue", tags=["x"], key="k").id
    (done,) = scopes.carrying.move([id], "user:u")
    assert (done.to, done.ids, done.kept) == ("user:u", (id,), ())
    assert scopes.locate(id).scope == "user:u"
    (hit,) = scopes.recall("grumblefitz", scope="user:u").hits
    assert (hit.id, hit.tags, hit.key) == (id, ("x",), "k")
    assert scopes.recall("grumblefitz", scope="session:s").hits == ()
    assert scopes.open("session:s").find(id) is None


def test_the_old_scope_its_backups_and_exports_hold_no_byte_of_it(
    scopes: Scopes, data_dir: Path
) -> None:
    session = scopes.open("session:s")
    id = session.remember("the grumblefitz is blue").id
    assert session.upkeep.backups
    session.upkeep.backups.make()
    scopes.carrying.export("session:s")
    scopes.carrying.move([id], "user:u")
    holding = {said.split(":")[0] for said in files_holding(data_dir, [b"grumblefitz"])}
    assert holding <= {file_name("user:u"), file_name("user:u") + "-wal"}


def test_a_session_is_promoted_whole(scopes: Scopes) -> None:
    session = scopes.open("session:s")
    ids = [session.remember(f"note {number}").id for number in range(3)]
    session.set_fact("city", "Ghent", valid_from="2025")
    first = session.boards.tasks.create("dig")
    session.boards.tasks.create("build", dependencies=[first.id])
    scopes.open("user:u").set_fact("city", "Lisbon", valid_from="2019")
    done = scopes.carrying.promote("session:s", "user:u")
    user = scopes.open("user:u")
    assert {item.id for id in ids if (item := user.find(id))} == set(ids)
    assert user.get_fact("city") == "Ghent"
    assert user.get_facts(["city"], as_of="2020")[0].value == "Lisbon"
    assert [task.waits_for for task in user.boards.tasks.list()] == [(), (first.id,)]
    assert done.keys == ("city",)
    assert session.transfer.names() == []


def test_a_text_that_is_there_already_is_not_there_twice(scopes: Scopes) -> None:
    there = scopes.open("user:u").remember("the gate code", tags=["a"]).id
    here = scopes.open("session:s").remember("the gate code", tags=["b"]).id
    (done,) = scopes.carrying.move([here], "user:u")
    assert done.merged == {here: there}
    (hit,) = scopes.recall("gate code", scope="user:u").hits
    assert (hit.id, hit.tags) == (there, ("a", "b"))


def test_there_and_back_again(scopes: Scopes) -> None:
    id = scopes.open("session:s").remember("a harbour").id
    scopes.carrying.move([id], "user:u")
    scopes.carrying.move([id], "project:p")
    assert scopes.locate(id).scope == "project:p"
    scopes.carrying.move([id], "session:s")
    assert scopes.locate(id).scope == "session:s"
    assert scopes.registry.moved_to(id) is None


@pytest.mark.parametrize("step", ["restore", "record_moves", "let_go"])
def test_a_move_that_is_cut_short_is_finished_when_the_scope_is_opened_next(
    scopes: Scopes,
    settings: Settings,
    clock: StoppedClock,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from routemem.memory_core.storage.registry import Registry
    from routemem.memory_core.transfer import Transfer

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    session = scopes.open("session:s")
    ids = [session.remember(text).id for text in ("a harbour", "a crane")]
    session.set_fact("city", "Ghent")
    scopes.open("user:u").remember("was there")
    with monkeypatch.context() as patched:
        patched.setattr(Registry if step == "record_moves" else Transfer, step, die)
        with pytest.raises(Killed):
            scopes.carrying.promote("session:s", "user:u")
    scopes.close()
    with Scopes(settings, clock=clock) as after:
        session, user = after.open("session:s"), after.open("user:u")
        assert session.transfer.names() == []
        assert moving.under_way(session) is None
        assert {hit.id for hit in user.recall(top_k=9).hits} > set(ids)
        assert user.get_fact("city") == "Ghent"
        assert all(after.locate(id).scope == "user:u" for id in ids)


def test_where_moved_ids_lead_is_known_again_when_the_registry_is_lost(
    scopes: Scopes, settings: Settings, clock: StoppedClock, data_dir: Path
) -> None:
    id = scopes.open("session:s").remember("a harbour").id
    task = scopes.open("session:s").boards.tasks.create("dig").id
    scopes.carrying.move([id, task], "user:u")
    scopes.close()
    for path in data_dir.glob("registry.db*"):
        path.unlink()
    with Scopes(settings, clock=clock) as after:
        assert {after.locate(ref).scope for ref in (id, task)} == {"user:u"}


def test_what_cannot_be_moved_is_said_and_changes_nothing(scopes: Scopes) -> None:
    id = scopes.open("session:s").remember("a harbour").id
    with pytest.raises(InvalidArgument):
        scopes.carrying.move([id], "session:s")
    with pytest.raises(InvalidArgument):
        scopes.carrying.move([], "user:u")
    with pytest.raises(NotFound):
        scopes.carrying.move([id, id.split("-")[0] + "-zz"], "user:u")
    assert scopes.locate(id).scope == "session:s"
    assert scopes.open("user:u").transfer.names() == []


def test_a_summary_moves_with_all_it_sums_up_or_not_at_all(scopes: Scopes) -> None:
    session = scopes.open("session:s")
    ids = [session.remember(f"the harbour has {n} cranes, " * 30).id for n in ("two", "six")]
    (made,) = session.compress(ids, summary="two harbours, two and six cranes")
    for some in ([made.id], [ids[0]], [made.id, ids[1]]):
        with pytest.raises(Conflict, match=f"{made.id} was made of"):
            scopes.carrying.move(some, "user:u")
    assert scopes.open("user:u").transfer.names() == []
    scopes.carrying.move([made.id, *ids], "user:u")
    user = scopes.open("user:u")
    user.forget([ids[0]], mode="delete")
    assert user.find(made.id) is None
    assert user.status().items["active"] == 1


def test_a_memory_moves_with_the_fact_taken_from_it_or_not_at_all(scopes: Scopes) -> None:
    session = scopes.open("session:s")
    id = session.remember("My name is Nadia.", source="user").id
    token = session.review(focus="facts").token
    fact = Action(id, "PROMOTE", fact_key="user.name", fact_value="Nadia")
    move = Action(id, "PROMOTE", scope="user:u")
    (done,) = scopes.apply_review(token, [fact], scope="session:s")
    assert done.status == "applied"
    (done,) = scopes.apply_review(token, [move], scope="session:s")
    assert (done.status, "forget user.name" in done.why) == ("rejected", True)
    for alone in (id, "user.name"):
        with pytest.raises(Conflict, match=r"user\.name was made of"):
            scopes.carrying.move([alone], "user:u", scope="session:s")
    scopes.carrying.move([id, "user.name"], "user:u", scope="session:s")
    user = scopes.open("user:u")
    assert user.get_fact("user.name") == "Nadia"
    user.quarantine([id], reason="private")
    assert user.get_facts() == []


def test_what_the_other_scope_may_not_take_stays_where_it_is(
    settings: Settings, clock: StoppedClock
) -> None:
    from dataclasses import replace

    token = "ghp_" + "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ" + "0mLq17"
    with Scopes(replace(settings, screening="off"), clock=clock) as lax:
        id = lax.open("session:s").remember(f"it is {token}").id
        lax.open("session:s").set_fact("code", token)
        lax.open("user:u").set_fact("code", "other")
    with Scopes(settings, clock=clock) as scopes:
        done = scopes.carrying.promote("session:s", "user:u")
        assert set(done.kept) == {id, "code"}
        assert scopes.locate(id).scope == "session:s"
        assert scopes.open("session:s").get_fact("code") == token
        assert scopes.open("user:u").get_fact("code") == "other"
