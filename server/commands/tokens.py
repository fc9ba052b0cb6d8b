"""`routemem tokens status|fetch`: how tokens are counted, and the vocabulary for exact counts.

The only place of the program that asks the network for anything, and only when told to.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from routemem.memory_core.errors import InvalidArgument, StorageError
from routemem.memory_core.settings import Settings
from routemem.memory_core.text import vocabulary

BLOCK = 1 << 16
#: The vocabulary has 3.6 MB; more than this is something else.
MOST = 1 << 24
#: Seconds without a byte after which a peer is given up.
STALLED = 20.0


def add_arguments(name: str, command: argparse.ArgumentParser) -> None:
    """What to do, from where, and how long it may take."""
    command.add_argument("what", choices=("status", "fetch"), help="tell, or fetch (3.6 MB, once)")
    command.add_argument(
        "--from",
        dest="source",
        default=vocabulary.ADDRESS,
        metavar="URL|FILE",
        help="another address or a file to take it from; it must be the same file",
    )
    command.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="longest time it may take (120)"
    )


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Tell or fetch; exit status 1 when it could not be fetched.

    Raises:
        StorageError: it did not come, came too slowly, or cannot be written.
        InvalidArgument: what came is something else.
    """
    if given.what == "fetch":
        print(f"Fetched {vocabulary.NAME} to {fetch(given.source, given.timeout)}.")
    from routemem.memory_core.text.tokens import TokenCounter

    counter = TokenCounter.load(settings.token_counter)
    exact = counter.settle()
    advice = "" if exact else "; `routemem tokens fetch` makes it exact"
    print(f"Tokens: {counter.name} ({'exact' if exact else 'estimated, biased up'}){advice}.")
    return 0


def fetch(source: str, seconds: float) -> Path:
    """Take the vocabulary from an address or a file to where it is looked for.

    Raises:
        StorageError: it did not come, came too slowly, or cannot be written.
        InvalidArgument: what came is something else; nothing was kept.
    """
    data = bytearray()
    try:
        for block in _blocks(source, time.monotonic() + seconds):
            data += block
            _progress(len(data))
        vocabulary.check(bytes(data), source)
    except ValueError as error:
        raise InvalidArgument(f"{error} Nothing was kept.") from error
    except OSError as error:
        raise StorageError(
            f"{source} could not be read: {error}. Tokens are estimated as before; try again, or "
            f"fetch the file elsewhere and pass it: routemem tokens fetch --from FILE"
        ) from error
    finally:
        _progress(0)
    return _kept(bytes(data))


def _kept(data: bytes) -> Path:
    folder = vocabulary.own_folder(os.environ)
    file = folder / vocabulary.FILE
    part = file.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        return part.replace(file)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written ({error.strerror}). Name another folder with "
            "TIKTOKEN_CACHE_DIR."
        ) from error


def _blocks(source: str, deadline: float) -> Iterator[bytes]:
    total = 0
    with _opened(source, deadline - time.monotonic()) as stream:
        while block := stream.read1(BLOCK):
            total += len(block)
            if total > MOST:
                raise ValueError(f"{source} is not the {vocabulary.NAME} vocabulary: too large.")
            yield block
            if time.monotonic() > deadline:
                raise TimeoutError("it came too slowly; allow more time with --timeout")


def _opened(source: str, seconds: float) -> Any:
    if "://" not in source:
        return Path(source).expanduser().open("rb")
    if not source.startswith(("https://", "http://")):
        raise ValueError(f"{source} is no address I can fetch: expected https:// or a file.")
    from urllib.request import urlopen  # imported late: nothing else asks the network

    # Only http(s), checked above; what comes is checked by its hash.
    return urlopen(source, timeout=max(0.001, min(seconds, STALLED)))  # noqa: S310  as said above


def _progress(done: int) -> None:
    """Say on stderr how much came, when that is a terminal; 0 ends the line."""
    if sys.stderr is not None and sys.stderr.isatty():
        said = f"\r{done / 1e6:.1f} MB" if done else "\n"
        print(said, end="", file=sys.stderr, flush=True)
