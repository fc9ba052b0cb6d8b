import os
import unicodedata
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peer import Peer

from routemem.memory_core.errors import InvalidScope
from routemem.memory_core.storage.registry import KINDS, Registry, check_scope, file_name
from routemem.memory_core.storage.sqlite import SqliteStore

#: Different people, whatever a file system, a slug or an eye makes of them.
DISTINCT = [
    "global", "user:global", "user:bob", "user:Bob", "user:BOB", "user:Bob.Smith", "user:bob_smith",
    "user:bob-smith", "user:bob smith", "user: bob", "user:bob ", "user:bob.", "user:bob..",
    "project:bob", "agent:bob", "session:bob", "user:user:bob", "user:bob:", "user::bob",
    "user:../../etc/passwd", "user:..", "user:.", "user:/", "user:\\", "user:/etc/passwd",
    "user:C:\\Windows", "user:..\\..\\x", "user:%2e%2e%2f", "user:file://x", "user:~root",
    "user:con", "user:CON", "user:nul.db", "user:aux", "user:com1", "user:lpt1.txt", "user:prn ",
    "user:a?b", "user:a*b", "user:a<b>|c", 'user:a"b', "user:a'b", "user:'; drop table scopes; --",
    "user:-rf", "user:--", "user:$HOME", "user:`id`", "user:a;b&c", "user:#", "user:@", "user:!",
    "user:müller", "user:muller", "user:MÜLLER", "user:straße", "user:strasse", "user:İstanbul",
    "user:istanbul", "user:ıstanbul", "user:日本語", "user:日本", "user:Ελλάδα", "user:раураl",
    "user:paypal", "user:🦊", "user:🐺", "user:👩‍👩‍👧", "user:می‌خواهم", "user:میخواهم",
    "user:ﬀ", "user:ff", "user:①", "user:1", "user:" + "x" * 507, "user:" + "x" * 506,
    "user:" + "é" * 300, "session:" + "a-" * 200, "user:.hidden", "user:registry.db",
]  # fmt: skip
REFUSED = [
    "", " ", "global ", " global", "Global", "GLOBAL", "global:", "global:x", "user", "user:",
    "user: ", "user:\u3000", "users:bob", "User:bob", " user:bob", "bob", ":bob", "user;bob",
    "admin:bob", "../user:bob", "user:a\0b", "user:a\nb", "user:a\tb", "user:a\x7fb", "user:a\x85b",
    "user:a\u2028b", "user:a\u2029b", "user:\ud800", "user:a\udfffb", "user:\U0010ffff",
    "user:\u0378", "user:a\u202eb", "user:a\u2066b", "user:a\u200bb", "user:\ufeffbob",
    "user:a\xadb", "user:\U000e0041", "user:" + "x" * 508, "user:" + "x" * 100_000,
]  # fmt: skip


def files(names: list[str]) -> dict[str, str]:
    return {name: file_name(check_scope(name)) for name in names}


def test_different_scopes_have_different_files_on_every_file_system() -> None:
    assert len(DISTINCT) > 60
    for one, other in combinations(files(DISTINCT).items(), 2):
        folded = [unicodedata.normalize("NFKC", name[1]).casefold() for name in (one, other)]
        assert folded[0] != folded[1], (one, other)


@pytest.mark.parametrize("name", DISTINCT)
def test_a_file_name_is_safe_everywhere(name: str) -> None:
    file = file_name(check_scope(name))
    assert len(file.encode()) <= 60
    assert set(file) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert file.endswith(".db")
    assert file.count(".") == 1
    assert file.split("-")[0] in ("global", *KINDS)
    assert Path(file).name == file


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_that_cannot_be_shown_or_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(InvalidScope) as caught:
        check_scope(name)
    str(caught.value).encode()  # the message itself can be sent
    assert len(str(caught.value)) < 500


def test_two_spellings_of_one_letter_are_one_scope() -> None:
    composed, decomposed = "user:Ren\u00e9", "user:Rene\u0301"
    assert check_scope(decomposed) == check_scope(composed) == composed


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_any_two_accepted_names_share_a_file_only_when_they_are_the_same(a: str, b: str) -> None:
    accepted = []
    for ident in (a, b):
        try:
            accepted.append(check_scope(f"user:{ident}"))
        except InvalidScope:
            return
    one, other = (file_name(scope) for scope in accepted)
    assert (one.casefold() == other.casefold()) == (accepted[0] == accepted[1])
    assert len(one) <= 60


# ---------------------------------------------------------------------- tags


def make_scope(folder: Path, registry: Registry, scope: str) -> str:
    """The scope's file, as opening it makes it; returns the tag."""
    store = SqliteStore(folder / file_name(scope), scope, registry.tag(scope), now=0.0)
    tag = registry.settle(scope, store.meta("tag") or "")
    store.close()
    return tag


def test_every_scope_has_a_tag_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    tags = {name: registry.tag(name) for name in map(check_scope, DISTINCT)}
    assert len(set(tags.values())) == len(DISTINCT)
    assert {name: registry.tag(name) for name in tags} == tags
    assert {registry.scope_of(tag): tag for tag in tags.values()} == tags
    assert registry.scopes() == sorted(tags)
    registry.close()
    again = Registry(tmp_path)
    assert {name: again.tag(name) for name in tags} == tags


def test_an_unknown_tag_belongs_to_nobody(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert registry.scope_of("a") is None
    assert registry.scopes() == []


@pytest.mark.parametrize(
    "harm", ["deleted", "emptied", "header", "middle", "truncated", "other tables", "no database"]
)
def test_a_lost_or_garbled_registry_is_made_again_with_the_same_tags(
    tmp_path: Path, harm: str
) -> None:
    registry = Registry(tmp_path)
    tags = {
        scope: make_scope(tmp_path, registry, scope) for scope in ("global", "user:b", "user:c")
    }
    registry.close()
    path = tmp_path / "registry.db"
    content = path.read_bytes()
    harmed = {
        "emptied": b"",
        "header": b"\0" * 100 + content[100:],
        "middle": content[:4096] + os.urandom(len(content) - 4096),
        "truncated": content[: len(content) // 2],
        "no database": b"this is no database" * 500,
    }
    path.unlink()
    if harm == "other tables":
        SqliteStore(path, "global", "z", now=0.0).close()
    elif harm in harmed:
        path.write_bytes(harmed[harm])
    again = Registry(tmp_path)
    assert {scope: again.tag(scope) for scope in again.scopes()} == tags
    assert again.tag("user:new") not in tags.values()


def test_making_it_again_passes_over_what_is_no_scope_file(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    make_scope(tmp_path, registry, "user:a")
    registry.close()
    (tmp_path / "registry.db").unlink()
    (tmp_path / "user-broken-00.db").write_bytes(b"garbage" * 1000)
    (tmp_path / "some-folder.db").mkdir()
    SqliteStore(tmp_path / "user-copy-00.db", "user:copied", "q", now=0.0).close()
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.db") if path.is_file()}
    assert Registry(tmp_path).scopes() == ["user:a"]
    assert (
        before.items()
        <= {
            path.name: path.read_bytes() for path in tmp_path.glob("*-*.db") if path.is_file()
        }.items()
    )


def test_processes_that_open_a_new_folder_at_once_agree_on_the_tags(tmp_path: Path) -> None:
    code = """
from routemem.memory_core.storage.registry import Registry
say("ready")
for number in range(5):
    hear()
    registry = Registry(folder / str(number))
    say({scope: registry.tag(scope) for scope in names})
"""
    orders = (["user:a", "user:b", "user:c"], ["user:c", "user:b", "user:a"])
    for number in range(5):
        (tmp_path / str(number)).mkdir()
    peers = [Peer(code, folder=tmp_path, names=names) for names in orders]
    try:
        assert [peer.hear() for peer in peers] == ["ready"] * 2
        for _ in range(5):
            for peer in peers:
                peer.say("go")
            one, other = [peer.hear() for peer in peers]
            assert one == other
            assert len(set(one.values())) == 3
    finally:
        for peer in peers:
            peer.__exit__(None, None, None)


def test_the_tag_of_a_lost_file_is_not_given_out_again(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    lost = make_scope(tmp_path, registry, "user:a")
    assert registry.made("user:a")
    renewed = registry.renew("user:a", lost=lost)
    assert not registry.made("user:a")
    assert registry.renew("user:a", lost=lost) == renewed != lost
    assert lost not in {registry.tag(f"user:{n}") for n in range(50)}
    assert registry.scope_of(lost) is None


def test_a_file_keeps_the_tag_it_came_with_unless_another_scope_has_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    assert registry.tag("user:a") == "a"
    assert registry.settle("user:a", "q") == "q"
    assert (registry.tag("user:a"), registry.scope_of("a")) == ("q", None)
    assert registry.tag("user:b") == "r"
    assert registry.settle("user:b", "q") == "r"
    assert registry.settle("user:c", "no tag") == registry.tag("user:c")
