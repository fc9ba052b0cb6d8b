"""Sealing: AES-GCM under a key that does not lie in the data folder.

What a person deletes is gone from every table at once; for the undo window a sealed copy remains.
What is in quarantine is sealed until a person releases it. Neither is worth anything without the
key, which is kept in the system's keyring, or, where there is none, in a file of its own folder
that only the user may read.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageError
from .lock import WriterLock

_SERVICE, _USER = "routemem", "sealing-key"
_NONCE, _KEY = 12, 32
#: Keys a person brought back, beside the key file.
_RECOVERED = "recovered.keys"


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
        return nonce + AESGCM(self.ready()).encrypt(nonce, plain, bound_to.encode())

    def ready(self) -> bytes:
        """Have the key at hand, made if there is none: `seal` then asks nobody and is quick.

        Raises:
            StorageError: no place to keep a key.
        """
        if self._key is None:
            self._key = next(self._stored(), None) or self._make()
        return self._key

    def mark(self, said: bytes) -> bytes:
        """A keyed hash, by which the same bytes are known again by who has the key.

        Raises:
            StorageError: there is no key.
        """
        key = self._key or next(self._stored(), None)
        if key is None:
            raise StorageError("The key of the quarantine is gone. What it held can be purged.")
        self._key = key
        return hmac.digest(hmac.digest(key, b"mark", hashlib.sha256), said, hashlib.sha256)

    # ------------------------------------------------------------------ recovery

    def recovery(self) -> str:
        """Every key there is, a line each, to be kept where it is safe.

        Raises:
            StorageError: there is none yet.
        """
        keys = dict.fromkeys(self._stored())
        if not keys:
            raise StorageError("There is no key yet: nothing has been sealed.")
        return "".join(f"{base64.b64encode(key).decode()}\n" for key in keys)

    def recover(self, lines: str) -> int:
        """Take in keys that `recovery` gave; returns how many were not known before.

        Raises:
            StorageError: a line is no key, or they cannot be written.
        """
        found = [_decoded(line) for line in lines.splitlines() if line.strip()]
        keys = [key for key in found if key is not None]
        if not keys or len(keys) < len(found):
            raise StorageError("Expected the lines of a recovery file, a key each; none was taken.")
        new = [key for key in dict.fromkeys(keys) if key not in set(self._stored())]
        if new:
            known = [base64.b64encode(key).decode() for key in [*self._recovered(), *new]]
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write_private(self._folder / _RECOVERED, "\n".join(known))
            except OSError as error:
                raise StorageError(
                    f"The keys cannot be kept in {self._folder} ({error})."
                ) from error
        return len(new)

    def _recovered(self) -> list[bytes]:
        try:
            lines = (self._folder / _RECOVERED).read_text("ascii", "replace").splitlines()
        except OSError:
            return []
        return [key for key in map(_decoded, lines) if key is not None]

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt, under whichever of the stored keys fits: a keyring may have come or gone.

        Raises:
            StorageError: the key is gone, or the bytes were changed or sealed for something else.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, said = sealed[:_NONCE], sealed[_NONCE:]
        tried = 0
        for key in self._known():
            tried += 1
            # ValueError: what is left of the copy is shorter than any copy.
            with contextlib.suppress(InvalidTag, ValueError):
                return AESGCM(key).decrypt(nonce, said, bound_to.encode())
        why = "the key was replaced or the copy was changed" if tried else "its key is gone"
        raise StorageError(f"The sealed copy cannot be opened: {why}. It can only be purged.")

    def _known(self) -> Iterator[bytes]:
        if self._key is not None:
            yield self._key
        yield from self._stored()

    def _stored(self) -> Iterator[bytes]:
        """The keys there are, the keyring's first."""
        for find in (self._from_keyring, self._from_file):
            key = find()
            if key is not None:
                yield key
        yield from self._recovered()

    def _from_keyring(self) -> bytes | None:
        if not self._keyring:
            return None
        try:
            import keyring  # 400 ms: only when something is sealed or opened

            return _decoded(keyring.get_password(_SERVICE, _USER) or "")
        except Exception:  # every backend fails in its own way
            return None

    def _from_file(self) -> bytes | None:
        try:
            text = self._file.read_text("ascii", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageError(
                f"The key file {self._file} cannot be read ({error.strerror}). Give its owner "
                "the right to read it."
            ) from error
        key = _decoded(text)
        if key is None:
            raise StorageError(
                f"The key file {self._file} is damaged. What it sealed cannot be opened; move it "
                "away and a new key is made."
            )
        return key

    def _make(self) -> bytes:
        """A new key, unless another process makes one in this moment."""
        key = os.urandom(_KEY)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with WriterLock(self._file, 10.0):
                return next(self._stored(), None) or self._keep(key)
        except (OSError, StorageError) as error:
            if self._keep_in_keyring(key):  # then the folder does not matter
                return key
            raise StorageError(
                f"No keyring, and no key file can be written in {self._folder} ({error}). Set "
                "ROUTEMEM_KEY_DIR to a folder of yours outside the data folder."
            ) from error

    def _keep(self, key: bytes) -> bytes:
        if not self._keep_in_keyring(key):
            _write_private(self._file, base64.b64encode(key).decode())
        return key

    def _keep_in_keyring(self, key: bytes) -> bool:
        if self._keyring:
            with contextlib.suppress(Exception):  # no usable keyring: the file it is
                import keyring

                keyring.set_password(_SERVICE, _USER, base64.b64encode(key).decode())
                return self._from_keyring() == key
        return False

    @property
    def _file(self) -> Path:
        return self._folder / "seal.key"


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only its owner may read."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)  # a reader sees the whole key or none


def _decoded(text: str) -> bytes | None:
    """The key a text stands for; None when it is no key."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if len(key) == _KEY else None
