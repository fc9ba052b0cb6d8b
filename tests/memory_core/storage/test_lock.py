import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from peer import Peer

from routemem.memory_core.errors import StorageError, WriteTimeout
from routemem.memory_core.storage.lock import WriterLock, _Waiter

SOON = 0.05
HOLDER = """
from routemem.memory_core.storage.lock import WriterLock
lock = WriterLock(path, 10.0)
lock.acquire()
say("held")
hear()
lock.release()
say("released")
hear()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "scope.db"


def test_one_thread_at_a_time_holds_the_lock(path: Path) -> None:
    lock, inside, most = WriterLock(path, 10.0), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with lock:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_thread_that_waits_too_long_is_told_so(path: Path) -> None:
    lock = WriterLock(path, SOON)
    failed: list[WriteTimeout] = []

    def work() -> None:
        try:
            lock.acquire()
        except WriteTimeout as error:
            failed.append(error)

    with lock:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert failed[0].path == path
    assert failed[0].seconds == SOON
    with lock:
        pass  # the one that gave up left nothing behind


def test_a_lock_held_by_another_process_is_waited_for_until_the_deadline(path: Path) -> None:
    with Peer(HOLDER, path=path) as peer:
        assert peer.hear() == "held"
        with pytest.raises(WriteTimeout, match=r"scope\.db for 0\.05 s"):
            WriterLock(path, SOON).acquire()


def test_a_lock_given_back_by_another_process_is_got(path: Path) -> None:
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        waiting = threading.Thread(target=WriterLock(path, 30.0).acquire)
        waiting.start()
        assert peer.ask("release") == "released"
        waiting.join()


def test_a_waiter_that_gave_up_does_not_keep_the_lock(path: Path) -> None:
    lock = WriterLock(path, SOON)
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        for _ in range(3):  # each leaves a thread in the kernel's queue
            with pytest.raises(WriteTimeout):
                lock.acquire()
        assert peer.ask("release") == "released"
        with WriterLock(path, 30.0):
            pass


def test_a_holder_that_is_killed_frees_the_lock(path: Path) -> None:
    with Peer(HOLDER, path=path) as peer:
        peer.hear()
        peer.kill()
        with WriterLock(path, 30.0):
            pass


@pytest.mark.skipif(sys.platform == "win32", reason="no interval timer on Windows")
def test_an_interrupted_waiter_does_not_keep_the_lock(path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Peer(HOLDER, path=path) as peer:
            peer.hear()
            signal.setitimer(signal.ITIMER_REAL, SOON)
            with pytest.raises(KeyboardInterrupt):
                WriterLock(path, 30.0).acquire()
            assert peer.ask("release") == "released"
            with WriterLock(path, 30.0):
                pass
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_kernel_that_refuses_to_wait_is_not_taken_for_a_busy_lock(path: Path) -> None:
    def refuse(fd: int, *, wait: bool) -> bool:
        raise OSError(37, "No locks available")

    waiter = _Waiter(os.open(path, os.O_RDWR | os.O_CREAT), refuse)
    assert not waiter.wait(30.0)
    assert waiter.failed


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_lock_file_is_private_and_stays(path: Path) -> None:
    before = os.umask(0)
    try:
        with WriterLock(path, 1.0):
            pass
    finally:
        os.umask(before)
    lock = path.with_name("scope.db.lock")
    assert lock.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_a_lock_file_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "missing" / "scope.db", 1.0)
    with pytest.raises(StorageError, match="must be allowed to write"):
        lock.acquire()
    (tmp_path / "missing").mkdir()
    with lock:
        pass  # the failure left nothing locked
