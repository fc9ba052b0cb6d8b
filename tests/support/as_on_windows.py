"""Run as a program: this machine without what only POSIX has, as far as that can be played.

The libraries are imported first, as what they are here. Then `fcntl` and its like, the functions of
`os`, `signal` and `mmap` that Windows does not have are taken away, and the names of the platform
are changed; the one lock of Windows that we call is played by the lock of this machine. Every
module of ours is imported, and a memory is used over MCP. What cannot be played: that an open or
mapped file cannot be removed, drives, and the rules for names of files.
"""

import ctypes
import ctypes.wintypes
import fcntl
import importlib
import json
import mmap
import os
import pathlib
import pkgutil
import signal
import sys
import types
from typing import Any

import anyio
import apsw  # noqa: F401  # imported while it is still itself, as all of these
import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
import numpy as np
import onnxruntime  # noqa: F401
import platformdirs  # noqa: F401
import tiktoken  # noqa: F401
import tokenizers  # noqa: F401
import uvicorn.protocols.http.h11_impl  # noqa: F401
from mcp import Client

MODULES = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog", "readline")
OF_OS = (
    "fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getpgid", "setsid",
    "setpgid", "killpg", "nice", "getpriority", "setpriority", "sync", "statvfs", "fstatvfs",
    "fchmod", "fchown", "chown", "lchown", "chroot", "mkfifo", "mknod", "uname", "wait3", "wait4",
    "waitid", "getloadavg", "sysconf", "posix_fallocate", "posix_fadvise", "posix_spawn",
    "sched_setaffinity", "sched_getaffinity", "pread", "pwrite", "fdatasync", "openpty", "ttyname",
    "register_at_fork", "getxattr", "setxattr", "memfd_create", "sendfile", "lockf", "O_NOFOLLOW",
    "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_SYNC", "O_DSYNC", "O_NOATIME",
)  # fmt: skip
OF_SIGNAL = (
    "SIGKILL", "SIGHUP", "SIGPIPE", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGSTOP",
    "SIGTSTP", "SIGCONT", "SIGQUIT", "alarm", "setitimer", "pthread_sigmask", "pthread_kill",
    "siginterrupt", "sigwait", "set_wakeup_fd",
)  # fmt: skip
OF_MMAP = ("PROT_READ", "PROT_WRITE", "MAP_SHARED", "MAP_PRIVATE", "MAP_POPULATE")


class Kernel32:
    """What is called of it: a lock of the whole file, waited for or not; the kind of a drive."""

    def GetDriveTypeW(self, _: str) -> int:  # its own name
        return 3  # a disk of this machine

    def LockFileEx(  # its own name
        self, handle: Any, flags: int, *_: Any
    ) -> int:
        try:
            fcntl.flock(handle.value, fcntl.LOCK_EX | (fcntl.LOCK_NB if flags & 1 else 0))
        except BlockingIOError:
            return 0
        return 1


def take_away() -> None:
    """Make this process look like one on Windows."""
    real = types.ModuleType("os")
    real.__dict__.update(os.__dict__)
    pathlib.os = real  # type: ignore[attr-defined]  # a path stays one of this machine
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it fails
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL), (mmap, OF_MMAP)):
        for name in names:
            vars(module).pop(name, None)
    for name in [name for name in vars(mmap) if name.startswith("MADV_")]:
        delattr(mmap, name)
    msvcrt: Any = types.ModuleType("msvcrt")
    msvcrt.get_osfhandle = lambda fd: fd
    msvcrt.open_osfhandle = lambda handle, _: handle
    msvcrt.setmode = lambda fd, mode: mode
    sys.modules["msvcrt"] = msvcrt
    ctypes.WinDLL = lambda *_, **__: Kernel32()  # type: ignore[attr-defined]
    ctypes.windll = types.SimpleNamespace(kernel32=Kernel32())  # type: ignore[attr-defined]
    os.O_BINARY = 0  # type: ignore[attr-defined]
    sys.platform, os.name = "win32", "nt"


def import_all() -> int:
    """Import every module of ours; how many there are."""
    import routemem

    found = [each.name for each in pkgutil.walk_packages(routemem.__path__, "routemem.")]
    for name in found:
        if name.rpartition(".")[2] not in ("__main__", "_kernel"):
            importlib.import_module(name)
    return len(found)


async def use(folder: str) -> list[str]:
    """Store, find, hold, correct, compress, export, delete, back up; how each call went."""
    from routemem.memory_core.settings import Settings
    from routemem.server.app import build_server

    settings = Settings(
        data_dir=f"{folder}/data", key_dir=f"{folder}/key", keyring=False, toolsets=("all",),
        embedder="hash",
    )  # fmt: skip
    wrong: list[str] = []

    async def call(tool: str, **arguments: Any) -> Any:
        result = await client.call_tool(tool, arguments)
        if result.is_error:
            wrong.append(f"{tool}: {result.content}")
        return result.structured_content or {}

    async with Client(build_server(settings)) as client:
        id = (await call("remember", content="The mill stands by the river. " * 40))["id"]
        await call("remember", content="It was built in 1781.", id=id)
        await call("set_fact", key="mill.built", value=1781)
        assert (await call("recall", query="mill built"))["hits"]
        await call("compress", ids=[id])
        other = (await call("remember", content="a page", source="web"))["id"]
        await call("quarantine", ids=[other], reason="suspicious")
        done = await call("export_memory")
        await call("import_memory", file=done["file"], scope="user:ann")
        await call("forget", ids=[id], mode="delete")
        await call("forget", ids=[id], mode="restore")
        await call("forget", ids=[id], mode="purge")
        await call("memory_status", detail="full")
        await call("run_hygiene", dry_run=False)
        await call("index_report")
    return wrong


def use_library(folder: str) -> None:
    """A routing index whose generation is mapped; backups, tokens, a repair."""
    from routemem.memory_core import RoutingIndex, Scopes, Settings
    from routemem.server.web.tokens import Tokens

    vectors = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    index = RoutingIndex(32)
    index.add_many(list(range(3000)), vectors)
    assert index.search(vectors[7], top_k=1).ids[0] == 7
    settings = Settings(data_dir=f"{folder}/lib", key_dir=f"{folder}/key", keyring=False)
    with Scopes(settings) as scopes:
        scopes.open("user:a").remember("The mill stands by the river.")
    place = pathlib.Path(folder) / "lib"
    secret, token = Tokens(place).create("one", ["user:a"], now=0.0)
    assert Tokens(place).holder(secret, 1.0) == token


if __name__ == "__main__":
    take_away()
    modules = import_all()
    wrong = anyio.run(use, sys.argv[1])
    use_library(sys.argv[1])
    sys.stdout.write(json.dumps({"modules": modules, "wrong": wrong}))
