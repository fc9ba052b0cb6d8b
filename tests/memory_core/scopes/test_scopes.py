import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from stopped_clock import StoppedClock

from routemem.memory_core.errors import InvalidArgument, InvalidScope, NotFound, StorageError
from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.data_folder import make_private
from routemem.memory_core.storage.registry import file_name

posix = pytest.mark.skipif(os.name != "posix", reason="file modes")


def test_nothing_is_made_before_it_is_needed(scopes: Scopes, data_dir: Path) -> None:
    assert not data_dir.exists()
    scopes.open()
    assert {path.name for path in data_dir.glob("*.db")} == {"registry.db", file_name("global")}


def test_every_scope_has_a_file_of_its_own_and_sees_no_other(scopes: Scopes) -> None:
    names = ["global", "user:Bob.Smith", "user:bob_smith", "project:bob", "session:bob"]
    for name in names:
        scopes.open(name).remember(f"only {name} knows the harbour")
    for name in names:
        hits = scopes.open(name).recall("harbour").hits
        assert [(hit.scope, hit.text) for hit in hits] == [(name, f"only {name} knows the harbour")]
    assert scopes.names() == sorted(names)
    assert len(list(scopes.folder.glob("*-*.db"))) == len(names)


def test_a_scope_is_opened_once(scopes: Scopes) -> None:
    assert scopes.open("user:Rene\u0301") is scopes.open("user:Ren\u00e9")
    assert scopes.open() is scopes.open("global")


@pytest.mark.parametrize("name", ["user:", "bob", "user:a\nb", "../x", "user:\ud800"])
def test_a_malformed_name_makes_no_file(scopes: Scopes, data_dir: Path, name: str) -> None:
    with pytest.raises(InvalidScope):
        scopes.open(name)
    assert not data_dir.exists()


def test_an_id_names_its_scope(scopes: Scopes) -> None:
    ids = {name: scopes.open(name).remember(name).id for name in ("global", "user:a", "user:b")}
    assert len(set(ids.values())) == 3
    for name, id in ids.items():
        assert scopes.locate(f" {id.upper()} ").scope == name
    groups = scopes.by_scope([ids["user:b"], "some key", ids["user:a"], ids["user:b"]])
    assert [(memory.scope, refs) for memory, refs in groups] == [
        ("user:b", [ids["user:b"], ids["user:b"]]), ("global", ["some key"]),
        ("user:a", [ids["user:a"]]),
    ]  # fmt: skip


def test_a_named_scope_is_where_a_key_is_looked_up(scopes: Scopes) -> None:
    id = scopes.open("user:a").remember("something", key="k").id
    assert scopes.locate("k", "user:a").find("k")
    assert scopes.locate("k").find("k") is None
    assert scopes.locate(id, "global").find(id) is None


@pytest.fixture
def walled(settings: Settings, clock: StoppedClock, scopes: Scopes) -> Scopes:
    """A process that may name user:a and project:*, in the folder of one that may name all."""
    for name in ("user:a", "user:ab", "project:x", "agent:z"):
        scopes.open(name).remember(f"of {name}")
    limited = replace(settings, scope="session:me", allow_scope=("user:a", "project:*"))
    return Scopes(limited, clock=clock)


def test_only_what_is_on_the_list_may_be_named(walled: Scopes) -> None:
    for name in ("user:a", "project:x", "project:new", "session:me", ""):
        walled.open(name)
    for name in ("user:ab", "agent:z", "global", "user:missing"):
        with pytest.raises(NotFound):
            walled.open(name)
    assert set(walled.names()) == {"user:a", "project:x", "project:new", "session:me"}
    walled.close()


def test_a_list_means_the_same_names_however_their_accents_are_typed(settings: Settings) -> None:
    typed = ("user:bo\u0301b", "project:ca*")
    with Scopes(replace(settings, scope=typed[0], allow_scope=typed)) as scopes:
        for name in ("", "user:b\u00f3b", "user:bo\u0301b", "project:cab"):
            scopes.open(name)
        for name in ("user:bob", "project:c\u00e1b", "project:ca\u0301b"):  # one letter, not "ca"
            with pytest.raises(NotFound):
                scopes.open(name)


def test_not_allowed_and_not_there_have_the_same_answer(walled: Scopes, scopes: Scopes) -> None:
    hidden = scopes.open("agent:z").recall("of").hits[0].id
    missing = hidden.split("-")[0] + "-999"
    answers = []
    for ref in (hidden, missing, "zz-1"):
        with pytest.raises(NotFound) as caught:
            walled.forget([ref], mode="delete")
        answers.append(str(caught.value).replace(ref, "…"))
        assert not walled.locate(ref).recall(ids=[ref]).hits
    assert len(set(answers)) == 1
    assert scopes.open("agent:z").find(hidden)
    walled.close()


def test_forgetting_over_scopes_changes_nothing_when_one_id_is_unknown(scopes: Scopes) -> None:
    ids = [scopes.open(name).remember(name).id for name in ("user:a", "user:b")]
    with pytest.raises(NotFound):
        scopes.forget([*ids, "a-999"], mode="delete")
    assert all(scopes.locate(id).find(id) for id in ids)
    assert [one.id for one in scopes.forget(ids, mode="delete")] == ids
    with pytest.raises(InvalidArgument):
        scopes.forget([])


def test_after_closing_everything_can_be_opened_again(scopes: Scopes) -> None:
    id = scopes.open("user:a").remember("kept").id
    scopes.close()
    scopes.close()
    assert scopes.locate(id).find(id)


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_registry_taken_away_while_it_is_open_is_made_again(
    scopes: Scopes, data_dir: Path
) -> None:
    ids = {name: scopes.open(name).remember(name).id for name in ("user:a", "user:b")}
    for path in data_dir.glob("registry.db*"):
        path.unlink()
    assert scopes.names() == ["user:a", "user:b"]
    assert {scopes.locate(id).scope: id for id in ids.values()} == ids
    assert scopes.open("user:c").remember("new").id.split("-")[0] not in ("a", "b")


@posix
def test_the_folder_and_every_file_are_private(scopes: Scopes, data_dir: Path) -> None:
    before = os.umask(0)
    try:
        scopes.open("user:a").remember("x")
    finally:
        os.umask(before)
    assert data_dir.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in data_dir.iterdir()} == {0o600}


@posix
@pytest.mark.parametrize("holds", ["", "registry.db"])
def test_a_folder_that_is_ours_is_made_private(tmp_path: Path, holds: str) -> None:
    folder = tmp_path / "ours"
    folder.mkdir(mode=0o755)
    if holds:
        (folder / holds).touch()
    make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@posix
@pytest.mark.parametrize(("mode", "holds"), [(0o755, "letter.txt"), (0o1777, "")])
def test_a_folder_that_serves_others_keeps_its_mode(tmp_path: Path, mode: int, holds: str) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    folder.chmod(mode)
    if holds:
        (folder / holds).touch()
    make_private(folder)
    assert folder.stat().st_mode & 0o7777 == mode


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="ROUTEMEM_DATA_DIR"):
        make_private(tmp_path / "file" / "data")


# ------------------------------------------------------------------- what one caller may see


def test_a_caller_sees_what_was_granted_and_shares_what_is_open(scopes: Scopes) -> None:
    scopes.open("user:ana").remember("Ana's key is blue.")
    scopes.open("user:bob").remember("Bob's key is red.")
    view = scopes.seen_by(["user:ana", "project:*"], "t-1")
    assert view.default == "user:ana"
    assert view.open() is scopes.open("user:ana")
    assert view.names() == ["user:ana"]
    assert view.open("project:x") is scopes.open("project:x")
    for other in ("user:bob", "global", "user:anastasia"):
        with pytest.raises(NotFound, match="No scope"):
            view.look(other)
    view.close()  # what is shared stays open
    assert scopes.recall("red", scope="user:bob").hits


def test_an_id_of_a_scope_that_was_not_granted_is_not_there(scopes: Scopes) -> None:
    secret = scopes.open("user:bob").remember("Bob's key is red.").id
    view = scopes.seen_by(["user:ana", "project:x"], "t-1")
    view.open().remember("Ana's key is blue.")
    with pytest.raises(NotFound) as hidden:
        view.forget([secret])
    with pytest.raises(NotFound) as absent:
        view.forget(["zz-9"])
    assert str(hidden.value).replace(secret, "ID") == str(absent.value).replace("zz-9", "ID")
    with pytest.raises(NotFound):
        view.carrying.move([secret], "project:x")


def test_a_caller_reads_the_part_of_the_chain_that_was_granted(settings: Settings) -> None:
    chained = replace(settings, chain=("user:ana", "project:x", "global"))
    with Scopes(chained) as scopes:
        assert scopes.seen_by(["*"], "t-1").chain == scopes.chain
        assert scopes.seen_by(["user:ana", "project:*"], "t-1").chain == ("user:ana", "project:x")
        assert scopes.seen_by(["project:x"], "t-1").chain == ("project:x",)


def test_what_the_server_does_not_open_no_grant_opens(settings: Settings) -> None:
    with Scopes(replace(settings, allow_scope=("project:*",))) as scopes:
        view = scopes.seen_by(["user:ana", "*"], "t-1")
        for closed in ("", "user:ana", "user:bob"):
            with pytest.raises(NotFound):
                view.look(closed)
        assert view.look("project:x").scope == "project:x"
        narrower = view.seen_by(["project:x"], "t-2")
        assert not narrower.allows("project:y")


def test_bundles_of_others_are_on_another_shelf(scopes: Scopes) -> None:
    scopes.open("user:bob").remember("Bob's key is red.")
    one, other = scopes.seen_by(["user:bob"], "t-1"), scopes.seen_by(["user:ana"], "t-2")
    path, _ = one.carrying.export()
    assert path.parent == one.carrying.exports
    assert one.carrying.exports != other.carrying.exports
    assert scopes.carrying.exports in other.carrying.exports.parents
