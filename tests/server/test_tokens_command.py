"""`routemem tokens`: exact counts on request, estimates otherwise, the network never unasked."""

import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias

import pytest
from command import environment, run
from offline import no_network

from routemem.memory_core.text import vocabulary
from routemem.server.cli import main

Say: TypeAlias = Callable[..., str]

#: A vocabulary without a single merge: every byte of UTF-8 is a token.
BYTES = b"\n".join(b"%s %d" % (base64.b64encode(bytes([b])), b) for b in range(256))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Address of a small vocabulary, and everything set so that it is the right one."""
    monkeypatch.setattr(vocabulary, "SHA256", hashlib.sha256(BYTES).hexdigest())
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "vocabularies"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = BYTES if self.path == "/good" else b"something else"
            self.send_response(404 if self.path == "/absent" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def kept(tmp_path: Path) -> list[Path]:
    return [*tmp_path.glob("vocabularies/*")]


def test_a_fetched_vocabulary_makes_counts_exact(served: str, say: Say, tmp_path: Path) -> None:
    assert "estimate" in say("tokens", "status")
    said = say("tokens", "fetch", "--from", f"{served}/good")
    assert kept(tmp_path) == [tmp_path / "vocabularies" / vocabulary.FILE]
    assert "o200k_base (exact)" in said
    assert "o200k_base (exact)" in say("tokens", "status")


def test_a_file_may_be_brought_along(served: str, say: Say, tmp_path: Path) -> None:
    (tmp_path / "brought").write_bytes(BYTES)
    assert "exact" in say("tokens", "fetch", "--from", str(tmp_path / "brought"))


@pytest.mark.parametrize("path", ["/wrong", "/absent"])
def test_what_is_not_the_vocabulary_is_not_kept(
    served: str, refused: Say, tmp_path: Path, path: str
) -> None:
    assert "tokens fetch" in refused("tokens", "fetch", "--from", served + path) or path == "/wrong"
    assert kept(tmp_path) == []


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/x", "file:///etc/hostname", "/no/such"])
def test_other_addresses_are_refused(served: str, refused: Say, address: str) -> None:
    assert address in refused("tokens", "fetch", "--from", address)


def test_a_peer_that_says_nothing_is_given_up_in_time(served: str, refused: Say) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        said = refused("tokens", "fetch", "--timeout", "0.2", "--from", address)
    assert "storage_error" in said
    assert "timed out" in said


def test_a_folder_that_cannot_be_written_is_named(
    served: str, refused: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert "TIKTOKEN_CACHE_DIR" in refused("tokens", "fetch", "--from", f"{served}/good")


def test_without_tiktokens_folder_it_goes_into_the_users_cache(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vocabulary, "SHA256", hashlib.sha256(BYTES).hexdigest())
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    (tmp_path / "brought").write_bytes(BYTES)
    folder = vocabulary.own_folder({})
    assert main(["tokens", "fetch", "--from", str(tmp_path / "brought")]) == 0
    assert (folder / vocabulary.FILE).read_bytes() == BYTES
    assert vocabulary.cached({"TIKTOKEN_CACHE_DIR": ""}) == folder / vocabulary.FILE


def test_no_command_but_fetch_asks_the_network(tmp_path: Path) -> None:
    offline = no_network(tmp_path) | {"TIKTOKEN_CACHE_DIR": str(tmp_path / "nothing")}
    env = environment(tmp_path, **offline)
    assert run(tmp_path, "tokens", "status", env=env).returncode == 0
    assert run(tmp_path, "remember", "Ann lives in Ghent.", env=env).returncode == 0
    assert b"Ghent" in run(tmp_path, "recall", "where does Ann live", env=env).stdout
    assert not (tmp_path / "network.log").exists()
    refused = run(tmp_path, "tokens", "fetch", "--timeout", "5", env=env)
    assert refused.returncode == 1
    assert b"storage_error" in refused.stderr
    assert (tmp_path / "network.log").exists()
