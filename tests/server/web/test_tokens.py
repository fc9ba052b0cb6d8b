"""Access tokens: made once, stored as hashes, ended at once."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.errors import InvalidArgument, InvalidScope, NotFound, StorageError
from routemem.server.web.tokens import DAY, FILE, PREFIX, Tokens, check_granted


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path)


def test_a_secret_has_256_bits_and_is_stored_nowhere(tokens: Tokens, tmp_path: Path) -> None:
    secret, token = tokens.create("laptop", ["user:ana"], now=0.0)
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 43  # 256 bits in base 64
    for path in tmp_path.iterdir():
        assert secret.removeprefix(PREFIX).encode() not in path.read_bytes()
    assert secret not in repr(token)
    assert tokens.create("desktop", ["user:ana"], now=0.0)[0] != secret


def test_only_the_secret_opens(tokens: Tokens) -> None:
    secret, token = tokens.create("laptop", ["user:ana"], now=0.0)
    assert tokens.holder(secret, 1.0) == token
    for wrong in ("", token.id, token.digest, secret[:-1], secret + "A", secret.lower(), "\ud83d"):
        assert tokens.holder(wrong, 1.0) is None


def test_a_token_ends_when_its_days_are_over(tokens: Tokens) -> None:
    secret, token = tokens.create("guest", ["user:ana"], days=2, now=100.0)
    assert tokens.holder(secret, 100.0 + 2 * DAY - 1) == token
    assert tokens.holder(secret, 100.0 + 2 * DAY) is None


def test_another_process_sees_what_is_made_and_revoked(tmp_path: Path) -> None:
    serving, typing = Tokens(tmp_path), Tokens(tmp_path)
    assert serving.all() == ()
    secret, token = typing.create("laptop", ["user:ana"], now=0.0)
    assert serving.holder(secret, 1.0) == token
    typing.revoke("laptop")
    assert serving.holder(secret, 1.0) is None


def test_it_is_revoked_by_id_or_name_and_the_others_stay(tokens: Tokens) -> None:
    first = tokens.create("one", ["user:ana"], now=0.0)[1]
    second = tokens.create("two", ["user:ana"], now=0.0)[1]
    third = tokens.create("three", ["user:ana"], now=0.0)[1]
    assert tokens.revoke(first.id) == first
    assert tokens.revoke("three") == third
    assert tokens.all() == (second,)
    with pytest.raises(NotFound, match="routemem token list"):
        tokens.revoke("one")


def test_no_name_reads_like_the_id_of_another_token(tokens: Tokens, tmp_path: Path) -> None:
    first = tokens.create("one", ["user:ana"], now=0.0)[1]
    with pytest.raises(InvalidArgument, match="reads like an id"):
        tokens.create(first.id, ["user:ana"], now=0.0)
    second = tokens.create("t-shirt", ["user:ana"], now=0.0)[1]
    listed = (tmp_path / FILE).read_text("utf-8")
    (tmp_path / FILE).write_text(listed.replace('"t-shirt"', f'"{first.id}"'), "utf-8")
    assert tokens.revoke(first.id) == first  # and not the one that is called so
    assert [token.id for token in tokens.all()] == [second.id]


def test_an_id_is_too_long_to_come_twice(tokens: Tokens) -> None:
    assert len(tokens.create("one", ["user:ana"], now=0.0)[1].id) == len("t-") + 16


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_file_is_private(tokens: Tokens, tmp_path: Path) -> None:
    tokens.create("laptop", ["user:ana"], now=0.0)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 2, "tokens": []}', '{"format": 1'])
def test_a_file_that_cannot_be_read_lets_nobody_in(
    tokens: Tokens, tmp_path: Path, content: str
) -> None:
    secret, _ = tokens.create("laptop", ["user:ana"], now=0.0)
    (tmp_path / FILE).write_text(content, "utf-8")
    with pytest.raises(StorageError, match="Nobody is let in"):
        tokens.holder(secret, 1.0)
    with pytest.raises(StorageError):  # and it is not overwritten
        tokens.create("desktop", ["user:ana"], now=0.0)
    assert (tmp_path / FILE).read_text("utf-8") == content


def test_a_token_needs_a_scope_for_calls_that_name_none() -> None:
    assert check_granted(["user:ana", "project:*", "", "user:ana"]) == ("user:ana", "project:*")
    assert check_granted(["*"]) == ("*",)
    for none in ([], [""], ["project:*"]):
        with pytest.raises(InvalidArgument, match="for calls that name none"):
            check_granted(none)
    for malformed in ("ana", "use*", "user:a\x00", "tenant:*"):
        with pytest.raises(InvalidScope):
            check_granted(["user:ana", malformed])


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "\x1b[2J"])
def test_a_name_can_be_shown(tokens: Tokens, name: str) -> None:
    with pytest.raises(InvalidArgument, match="printable"):
        tokens.create(name, ["user:ana"], now=0.0)


def test_a_name_is_taken_once(tokens: Tokens) -> None:
    tokens.create("laptop", ["user:ana"], now=0.0)
    with pytest.raises(InvalidArgument, match="already"):
        tokens.create("laptop", ["user:bob"], now=0.0)


@given(guess=st.text())
def test_no_text_opens_a_folder_without_tokens(guess: str) -> None:
    assert Tokens(Path("nowhere")).holder(guess, 0.0) is None


def test_what_is_stored_says_what_a_token_may(tokens: Tokens, tmp_path: Path) -> None:
    _, token = tokens.create("laptop", ["user:ana"], read_only=True, now=5.0)
    stored = json.loads((tmp_path / FILE).read_text("utf-8"))["tokens"]
    assert stored == [
        {
            "id": token.id,
            "name": "laptop",
            "digest": token.digest,
            "scopes": ["user:ana"],
            "read_only": True,
            "created": 5.0,
            "expires": None,
        }
    ]
