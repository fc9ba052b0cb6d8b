"""Memory that the C library holds."""

import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import ctypes, sys, threading
from pathlib import Path
from routemem.memory_core.embedding.heap import share_one_heap

libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
if sys.argv[2] == "shared":
    share_one_heap()
together = threading.Barrier(4)

def allocate():
    together.wait()
    for _ in range(100):
        assert libc.malloc(5000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
told = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, told)
libc.fclose(told)
print(Path(sys.argv[1]).read_text().count("<heap nr="))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="heaps by thread are glibc's")
def test_threads_share_one_heap_when_asked_to(tmp_path: Path) -> None:
    def heaps(how: str) -> int:
        argv = [sys.executable, "-c", COUNT, str(tmp_path / "told.xml"), how]
        return int(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)

    assert heaps("apart") > 1
    assert heaps("shared") == 1
