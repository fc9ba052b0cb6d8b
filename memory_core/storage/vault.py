"""Sealing: AES-GCM under a key that does not lie in the data folder.

What a person deletes is gone from every table at once; for the undo window a sealed copy remains,
which is worth nothing without the key. The key is kept in the system's keyring, or, where there is
none, in a file of its own folder that only the user may read.
"""

import base64
import contextlib
import os
from pathlib import Path

from ..errors import StorageError

_SERVICE, _USER = "routemem", "sealing-key"
_NONCE = 12


class Vault:
    """Seals and opens bytes. The key is made on first use; nothing is imported before that.

    Args:
        folder: where the key file goes when there is no keyring; made with mode 0700.
        keyring: whether to look for a keyring at all.
    """

    def __init__(self, folder: Path, *, keyring: bool = True) -> None:
        self._folder = folder
        self._keyring = keyring
        self._key: bytes | None = None

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """Encrypt. ``bound_to`` (scope and id) must be given again to open.

        Raises:
            StorageError: no place to keep a key.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 125 ms: only when needed

        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._load(make=True)).encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt.

        Raises:
            StorageError: the key is gone, or the bytes were changed or sealed for something else.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self._load(make=False)).decrypt(
                sealed[:_NONCE], sealed[_NONCE:], bound_to.encode()
            )
        except InvalidTag as error:
            raise StorageError(
                "The sealed copy cannot be opened: the key was replaced or the copy was changed. "
                "It can only be purged."
            ) from error

    def _load(self, *, make: bool) -> bytes:
        if self._key is None:
            stored = self._from_keyring() or self._from_file()
            if stored is None and not make:
                raise StorageError(
                    "The key that sealed this copy is gone, so the copy cannot be opened. "
                    "It can only be purged."
                )
            self._key = stored or self._make()
        return self._key

    def _from_keyring(self) -> bytes | None:
        if not self._keyring:
            return None
        try:
            import keyring  # 400 ms: only when something is sealed or opened

            text = keyring.get_password(_SERVICE, _USER)
        except Exception:
            return None
        return base64.b64decode(text) if text else None

    def _from_file(self) -> bytes | None:
        try:
            return base64.b64decode(self._file.read_bytes())
        except FileNotFoundError:
            return None

    def _make(self) -> bytes:
        key = os.urandom(32)
        text = base64.b64encode(key).decode()
        if self._keyring:
            with contextlib.suppress(Exception):  # no usable keyring: the file it is
                import keyring

                keyring.set_password(_SERVICE, _USER, text)
                if keyring.get_password(_SERVICE, _USER) == text:
                    return key
        return self._make_file(text)

    def _make_file(self, text: str) -> bytes:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:  # another process made it in this moment
                return base64.b64decode(self._file.read_bytes())
            with os.fdopen(fd, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"No keyring, and no key file can be written in {self._folder} ({error}). Set "
                "ROUTEMEM_KEY_DIR to a folder of yours outside the data folder."
            ) from error
        return base64.b64decode(text)

    @property
    def _file(self) -> Path:
        return self._folder / "seal.key"
