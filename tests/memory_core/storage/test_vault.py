import os
import threading
from pathlib import Path

import pytest
from peer import Peer

from routemem.memory_core.errors import StorageError
from routemem.memory_core.storage.vault import Vault

KEYRING = '''"""A keyring in a file, for tests: what a system's keyring does, without the system."""
import os, pathlib
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    priority = 1
    place = pathlib.Path(os.environ["TEST_KEYRING"])
    def get_password(self, service, username):
        return self.place.read_text() if self.place.exists() else None
    def set_password(self, service, username, password):
        self.place.write_text(password)
    def delete_password(self, service, username):
        self.place.unlink()
'''


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "keys", keyring=False)


def test_what_was_sealed_is_opened_again(vault: Vault, tmp_path: Path) -> None:
    for plain in (b"", b"x", "é\0 text".encode() * 1000):
        sealed = vault.seal(plain, "global\0a-1")
        assert vault.open(sealed, "global\0a-1") == plain
        assert Vault(tmp_path / "keys", keyring=False).open(sealed, "global\0a-1") == plain


def test_a_sealed_copy_shows_nothing_and_is_never_the_same_twice(vault: Vault) -> None:
    one, other = vault.seal(b"the secret text", "x"), vault.seal(b"the secret text", "x")
    assert b"secret" not in one
    assert one != other
    assert len(one) == len(b"the secret text") + 28


@pytest.mark.parametrize("cut", [0, 5, 12, 20, -1])
def test_a_copy_that_was_cut_is_not_opened(vault: Vault, cut: int) -> None:
    sealed = vault.seal(b"plain", "x")
    with pytest.raises(StorageError, match="only be purged"):
        vault.open(sealed[:cut], "x")


def test_a_copy_that_was_changed_or_belongs_elsewhere_is_not_opened(vault: Vault) -> None:
    sealed = vault.seal(b"plain", "user:a\0a-1")
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(StorageError):
            vault.open(changed, "user:a\0a-1")
    with pytest.raises(StorageError):
        vault.open(sealed, "user:a\0a-2")


def test_another_key_opens_nothing(vault: Vault, tmp_path: Path) -> None:
    sealed = vault.seal(b"plain", "x")
    other = Vault(tmp_path / "other", keyring=False)
    with pytest.raises(StorageError, match="its key is gone"):
        other.open(sealed, "x")
    other.seal(b"so that it has a key", "x")
    with pytest.raises(StorageError, match="key was replaced"):
        other.open(sealed, "x")


def test_opening_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        Vault(tmp_path / "keys", keyring=False).open(b"x" * 60, "x")
    assert not (tmp_path / "keys").exists()


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_key_file_is_private(vault: Vault, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        vault.seal(b"plain", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    files = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert files == {"seal.key": 0o600, "seal.key.lock": 0o600}


def test_processes_and_threads_that_need_a_key_at_once_share_one(tmp_path: Path) -> None:
    code = """
from routemem.memory_core.storage.vault import Vault
say("ready")
for number in range(6):
    hear()
    say(Vault(folder / str(number), keyring=False).seal(b"plain", "x").hex())
"""
    peers = [Peer(code, folder=tmp_path) for _ in range(2)]
    try:
        assert [peer.hear() for peer in peers] == ["ready"] * 2
        for number in range(6):
            for peer in peers:
                peer.say("go")
            mine: list[bytes] = []
            vault = Vault(tmp_path / str(number), keyring=False)
            threads = [
                threading.Thread(target=lambda v=vault, m=mine: m.append(v.seal(b"plain", "x")))
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for sealed in [bytes.fromhex(peer.hear()) for peer in peers] + mine:
                fresh = Vault(tmp_path / str(number), keyring=False)
                assert fresh.open(sealed, "x") == b"plain"
    finally:
        for peer in peers:
            peer.__exit__(None, None, None)


@pytest.mark.parametrize("content", ["", "no base64 \u00e9", "c2hvcnQ="])
def test_a_damaged_key_file_is_reported_and_not_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "seal.key"
    key.write_text(content, "utf-8")
    with pytest.raises(StorageError, match="is damaged"):
        Vault(tmp_path / "keys", keyring=False).seal(b"plain", "x")
    assert key.read_text("utf-8") == content


def test_no_place_for_a_key_is_explained(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="ROUTEMEM_KEY_DIR"):
        Vault(tmp_path / "keys", keyring=False).seal(b"plain", "x")


def test_a_keyring_that_refuses_means_a_key_file(tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "keys", keyring=True).seal(b"plain", "x")
    assert (tmp_path / "keys" / "seal.key").exists()
    assert Vault(tmp_path / "keys", keyring=True).open(sealed, "x") == b"plain"


def test_a_keyring_keeps_the_key_and_may_come_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file_keyring.py").write_text(KEYRING)
    code = """
from routemem.memory_core.storage.vault import Vault
import sys; sys.path.append(str(folder))
vault = Vault(folder / "keys")
while (asked := hear()) is not None:
    say(vault.seal(b"plain", "x").hex() if asked == "seal"
        else vault.open(bytes.fromhex(asked), "x").decode())
"""
    monkeypatch.setenv("TEST_KEYRING", str(tmp_path / "ring"))
    with Peer(code, folder=tmp_path) as without:
        early = without.ask("seal")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "file_keyring.Keyring")
    with Peer(code, folder=tmp_path) as peer:
        assert peer.ask(early) == "plain"
    (tmp_path / "keys" / "seal.key").rename(tmp_path / "away")
    with Peer(code, folder=tmp_path) as peer:
        late = peer.ask("seal")
    assert (tmp_path / "ring").exists()
    assert not (tmp_path / "keys" / "seal.key").exists()
    (tmp_path / "away").rename(tmp_path / "keys" / "seal.key")
    with Peer(code, folder=tmp_path) as peer:
        assert (peer.ask(early), peer.ask(late)) == ("plain", "plain")
