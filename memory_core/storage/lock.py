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
    """The lock of one scope file, for this process's threads and for other processes.

    Not reentrant. The lock belongs to the file ``<scope file>.lock``, which is never removed:
    removing it would let two processes lock two different files of the same name.
    """

    def __init__(self, path: Path, deadline: float) -> None:
        self.path = path.with_name(path.name + ".lock")
        self.deadline = deadline
        self._scope_file = path
        self._threads = threading.Lock()
        self._held = -1

    def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            WriteTimeout: not acquired within the deadline (seconds).
        """
        end = time.monotonic() + self.deadline
        if not self._threads.acquire(timeout=self.deadline):
            raise WriteTimeout(self._scope_file, self.deadline)
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

    def _wait(self, seconds: float) -> int:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _lock(fd, wait=False):
                return fd
        except OSError as error:
            os.close(fd)
            raise StorageError(
                f"The file system of {self.path} has no locks ({error}). Choose a data folder on a "
                "local disk."
            ) from error
        waiter = _Waiter(fd)
        if waiter.wait(seconds):
            return fd
        raise WriteTimeout(self._scope_file, self.deadline)


class _Waiter:
    """Waits in the kernel on a thread of its own, since a blocking lock has no timeout.

    When nobody waits for it any more it gives the lock back the moment it gets it.
    """

    def __init__(self, fd: int, lock: Callable[..., bool] = _lock) -> None:
        self._fd = fd
        self._lock = lock
        self._got = threading.Event()
        self._decision = threading.Lock()
        self._abandoned = False
        threading.Thread(target=self._run, name="routemem-writer-lock", daemon=True).start()

    def _run(self) -> None:
        self._lock(self._fd, wait=True)
        with self._decision:
            if self._abandoned:
                os.close(self._fd)
            else:
                self._got.set()

    def wait(self, seconds: float) -> bool:
        if self._got.wait(max(0.0, seconds)):
            return True
        with self._decision:
            self._abandoned = not self._got.is_set()
            return not self._abandoned
