"""One writer per scope file: a blocking lock of the operating system, with a deadline.

SQLite's own busy handler polls, which starves writers under load; the kernel's wait queue is fair.
The lock also keeps two processes from committing or checkpointing the same log at the same instant.
The kernel releases it when a process dies, however it dies.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import StorageError, WriteTimeout

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _EXCLUSIVE, _FAIL_AT_ONCE = 0x2, 0x1

    class _Overlapped(ctypes.Structure):
        _fields_ = [
            ("Internal", ctypes.c_void_p),
            ("InternalHigh", ctypes.c_void_p),
            ("Offset", wintypes.DWORD),
            ("OffsetHigh", wintypes.DWORD),
            ("hEvent", wintypes.HANDLE),
        ]

    def _lock(fd: int, *, wait: bool) -> bool:
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        flags = _EXCLUSIVE if wait else _EXCLUSIVE | _FAIL_AT_ONCE
        return bool(_kernel32.LockFileEx(handle, flags, 0, 1, 0, ctypes.byref(_Overlapped())))

else:
    import fcntl

    def _lock(fd: int, *, wait: bool) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class WriterLock:
    """The lock of one file, for this process's threads and for other processes.

    Not reentrant. The lock belongs to the file ``<file>.lock``, which is never removed: removing
    it would let two processes lock two different files of the same name.
    """

    def __init__(self, path: Path, deadline: float) -> None:
        self.path = path.with_name(path.name + ".lock")
        self.deadline = deadline
        self._guarded = path
        self._threads = threading.Lock()
        self._held = -1

    def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            WriteTimeout: not acquired within the deadline (seconds).
            StorageError: the lock file cannot be made, or its file system has no locks.
        """
        end = time.monotonic() + self.deadline
        if not self._threads.acquire(timeout=self.deadline):
            raise WriteTimeout(self._guarded, self.deadline)
        try:
            self._held = self._wait(end - time.monotonic())
        except BaseException:
            self._threads.release()
            raise

    def release(self) -> None:
        """Give the lock back; closing the descriptor frees it."""
        fd, self._held = self._held, -1
        os.close(fd)
        self._threads.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _wait(self, seconds: float) -> int:
        fd = self._open()
        try:
            if _lock(fd, wait=False):
                return fd
        except OSError as error:
            os.close(fd)
            raise self._no_locks(error) from error
        waiter = _Waiter(fd)
        if waiter.wait(seconds):
            return fd
        if waiter.failed is not None:
            raise self._no_locks(waiter.failed) from waiter.failed
        raise WriteTimeout(self._guarded, self.deadline)

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageError(
                f"{self._guarded} cannot be written: its lock file cannot be opened "
                f"({error.strerror}). The folder must exist and this user must be allowed to "
                "write in it."
            ) from error

    def _no_locks(self, error: OSError) -> StorageError:
        return StorageError(
            f"The file system of {self.path} has no locks ({error.strerror}). Choose a data "
            "folder on a local disk."
        )


class _Waiter:
    """Waits in the kernel on a thread of its own, since a blocking lock has no timeout.

    When nobody waits for it any more it gives the lock back the moment it gets it. It owns the
    descriptor until `wait` returns True.

    Attributes:
        failed: why the kernel refused to wait, if it did.
    """

    def __init__(self, fd: int, lock: Callable[..., bool] = _lock) -> None:
        self.failed: OSError | None = None
        self._fd = fd
        self._lock = lock
        self._answered = threading.Event()
        self._got = False
        self._decision = threading.Lock()
        self._abandoned = False
        threading.Thread(target=self._run, name="routemem-writer-lock", daemon=True).start()

    def _run(self) -> None:
        try:
            self._lock(self._fd, wait=True)
        except OSError as error:
            self.failed = error
        with self._decision:
            if self._abandoned or self.failed:
                os.close(self._fd)
            else:
                self._got = True
        self._answered.set()

    def wait(self, seconds: float) -> bool:
        try:
            self._answered.wait(max(0.0, seconds))
        except BaseException:  # interrupted: the caller will never use the lock
            if not self._leave():
                os.close(self._fd)
            raise
        return not self._leave()

    def _leave(self) -> bool:
        """Stop waiting; False when the lock had already been got."""
        with self._decision:
            self._abandoned = not self._got
            return self._abandoned
