"""What the HTTP server lets in, on a real socket."""

import asyncio
import contextlib
import json
import select
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from command import run
from http_server import Asking, local_server, new_token, process_server
from starlette.types import Message, Receive, Scope, Send

from routemem.memory_core.errors import InvalidArgument
from routemem.server.web import connection, guard
from routemem.server.web.address import Address, listen
from routemem.server.web.limits import RateLimit
from routemem.server.web.metrics import Metrics
from routemem.server.web.rest.table import BASE, ENDPOINTS
from routemem.server.web.tokens import Tokens

ROUTES = (
    *("/", "/mcp", "/sse", "/messages/", "/health", "/metrics", "/openapi.json", "/nowhere"),
    *(BASE + endpoint.path for endpoint in ENDPOINTS),
)
SECRET = "the emeralds lie in the attic"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@dataclass(frozen=True)
class House:
    """A running server and a token for it."""

    server: Asking
    token: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("guard")
    token = new_token(folder, "ana", "user:ana")
    with local_server(
        folder, "--allow-host", "Memory.example", "--allow-origin", "https://memory.example"
    ) as server:
        yield House(server, token)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server of little patience."""
    folder = tmp_path_factory.mktemp("strict")
    token = new_token(folder, "ana", "user:ana")
    with local_server(
        folder,
        ROUTEMEM_HTTP_TIMEOUT="0.2",
        ROUTEMEM_HTTP_SESSIONS="3",
        ROUTEMEM_HTTP_SHARE="2",
        ROUTEMEM_HTTP_BURST="1000000",
    ) as server:
        yield House(server, token)


def open_session(house: House, token: str = "") -> httpx2.Response:
    return house.server.ask(
        "/mcp", token or house.token, "POST", json=INITIALIZE, headers=dict(ACCEPT)
    )


def refused(answer: httpx2.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.json()["message"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
def test_no_route_answers_without_a_token(house: House, method: str) -> None:
    for path in ROUTES:
        answer = house.server.ask(path, "", method)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_only_a_bearer_token_that_is_good_lets_in(house: House) -> None:
    wrong: list[dict[str, Any]] = [
        {"authorization": house.token},
        {"authorization": f"Basic {house.token}"},
        {"authorization": f"Bearer {house.token[:-1]}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer \u00fcber".encode()},
        {"cookie": f"token={house.token}"},
    ]
    for headers in wrong:
        refused(house.server.ask("/health", headers=headers), 401, "unauthorized")
    refused(house.server.ask(f"/health?token={house.token}"), 401, "unauthorized")
    twice = [("authorization", f"Bearer {house.token}"), ("authorization", "Bearer x")]
    with httpx2.Client(verify=False) as client:
        answer = client.get(house.server.url + "/health", headers=twice)
    refused(answer, 401, "unauthorized")


def test_who_is_refused_while_sending_hears_the_answer(house: House) -> None:
    piece = b" " * 65536
    for path, more in (("/mcp", ""), ("/memory-manager/items/add", "origin: https://evil\r\n")):
        with socket.create_connection(("127.0.0.1", house.server.port), timeout=20) as wire:
            head = f"POST {path} HTTP/1.1\r\nhost: localhost:{house.server.port}\r\n{more}"
            wire.sendall(f"{head}content-length: {8 * len(piece)}\r\n\r\n".encode())
            # An answer that came before the body would be followed by a closed door.
            assert select.select([wire], [], [], 0.2)[0] == []
            for _ in range(8):
                wire.sendall(piece)
            heard = wire.recv(4096)
        assert heard.split(b" ")[1] == (b"403" if more else b"401")


def test_a_revoked_or_expired_token_is_refused_at_the_next_request(house: House) -> None:
    token = house.server.token("guest", "user:guest")
    opened = open_session(house, token)
    assert opened.status_code == 200
    session = {"mcp-session-id": opened.headers["mcp-session-id"], **ACCEPT}
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert (
        house.server.ask("/mcp", token, "POST", json=listing, headers=dict(session)).status_code
        == 200
    )
    run(house.server.folder, "token", "revoke", "guest")
    answer = house.server.ask("/mcp", token, "POST", json=listing, headers=dict(session))
    refused(answer, 401, "unauthorized")
    brief = house.server.token("brief", "user:guest", days=1e-9)
    refused(house.server.ask("/health", brief), 401, "unauthorized")


def test_a_session_belongs_to_the_token_that_opened_it(house: House) -> None:
    session = open_session(house).headers["mcp-session-id"]
    other = house.server.token("other", "user:other")
    listing = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    headers = {"mcp-session-id": session, **ACCEPT}
    for token, status in ((other, 404), (house.token, 200)):
        answer = house.server.ask("/mcp", token, "POST", json=listing, headers=dict(headers))
        assert answer.status_code == status


def test_only_its_own_names_are_answered(house: House) -> None:
    port = house.server.port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", "memory.example", "MEMORY.EXAMPLE"):
        answer = house.server.ask("/health", house.token, headers={"host": host})
        assert answer.status_code == 200, host
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"localhost:{port}0", ""):
        for path in ("/mcp", "/sse", "/health"):
            answer = house.server.ask(path, house.token, headers={"host": host})
            refused(answer, 421, "wrong_host")


def test_only_pages_of_its_own_may_ask(house: House) -> None:
    port = house.server.port
    for origin in (
        f"http://127.0.0.1:{port}",
        f"http://localhost:{port}",
        "https://memory.example",
    ):
        answer = house.server.ask("/health", house.token, headers={"origin": origin})
        assert answer.status_code == 200, origin
    for origin in (
        "https://evil.example",
        "null",
        "",
        f"http://localhost:{port + 1}",
        f"https://localhost:{port}",
        "https://memory.example.evil.example",
        "http://memory.example",
    ):
        for path in ("/mcp", "/sse", "/health"):
            answer = house.server.ask(path, house.token, headers={"origin": origin})
            refused(answer, 403, "wrong_origin")


@pytest.mark.parametrize("path", ["/mcp", "/messages/", "/health"])
def test_a_body_above_the_limit_is_refused(house: House, path: str) -> None:
    fits, above = b" " * (1 << 20), b" " * ((1 << 20) + 1)
    answer = house.server.ask(path, house.token, "POST", content=above, headers=dict(ACCEPT))
    refused(answer, 413, "too_large")
    pieces = iter([b" " * 4096] * 257)  # of no declared length
    answer = house.server.ask(path, house.token, "POST", content=pieces, headers=dict(ACCEPT))
    refused(answer, 413, "too_large")
    answer = house.server.ask(path, house.token, "POST", content=fits, headers=dict(ACCEPT))
    assert answer.status_code in (400, 405)


@pytest.mark.parametrize("whole", [True, False])
def test_a_request_that_breaks_off_is_not_carried_out(tmp_path: Path, whole: bool) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    carried_out = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        carried_out.append((await receive())["body"])

    house = guard.House({"localhost"}, (), 1024, 20.0)
    limit = RateLimit(1.0, 1, lambda: 0.0)
    standing = guard.Guard(app, Tokens(tmp_path / "data"), house, limit, Metrics(0.0))
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    comes: list[Message] = [
        {"type": "http.request", "body": b'{"dry_run"', "more_body": True},
        {"type": "http.request", "body": b": false}"} if whole else {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return comes.pop(0)

    async def send(_: Message) -> None:
        """Nobody is there any more."""

    scope = {"type": "http", "path": "/memory-manager/hygiene", "headers": headers}
    asyncio.run(standing(scope, receive, send))
    assert carried_out == [b'{"dry_run": false}'] * whole


def test_a_token_that_asks_too_often_waits_and_the_others_do_not(tmp_path: Path) -> None:
    first, second = (new_token(tmp_path, name, "user:a") for name in ("first", "second"))
    with local_server(tmp_path, ROUTEMEM_HTTP_RATE="0.01", ROUTEMEM_HTTP_BURST="3") as server:
        for _ in range(3):
            assert server.ask("/health", first).status_code == 200
        answer = server.ask("/health", first)
        refused(answer, 429, "too_many_requests")
        assert 0 < int(answer.headers["retry-after"]) <= 101
        assert server.ask("/health", second).status_code == 200
        for _ in range(5):  # what is refused for its token costs nobody anything
            refused(server.ask("/health", "wrong"), 401, "unauthorized")
        assert server.ask("/health", second).status_code == 200


def test_sessions_are_limited_for_a_token_and_in_all_and_given_back(strict: House) -> None:
    other = strict.server.token("other", "user:other")
    opened = [open_session(strict) for _ in range(2)]
    assert [answer.status_code for answer in opened] == [200, 200]
    refused(open_session(strict), 503, "too_many_sessions")  # its share
    assert open_session(strict, other).status_code == 200
    assert open_session(strict, other).status_code == 503  # there is no room for anybody
    gone = {"mcp-session-id": opened[0].headers["mcp-session-id"]}
    strict.server.ask("/mcp", strict.token, "DELETE", headers=gone)
    assert open_session(strict).status_code == 200


def test_sessions_opened_at_once_are_no_more_than_one_token_may_have(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    body = json.dumps(INITIALIZE)
    with (
        local_server(tmp_path, ROUTEMEM_HTTP_SHARE="2") as server,
        contextlib.ExitStack() as open_wires,
    ):
        fields = {
            "host": f"localhost:{server.port}",
            "authorization": f"Bearer {token}",
            "content-length": str(len(body)),
            **ACCEPT,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        address = ("127.0.0.1", server.port)
        wires = [
            open_wires.enter_context(socket.create_connection(address, timeout=20))
            for _ in range(20)
        ]
        for wire in wires:
            wire.sendall(f"POST /mcp HTTP/1.1\r\n{head}\r\n{body}".encode())
        statuses = Counter(wire.recv(200).split(b" ")[1] for wire in wires)
        assert statuses == {b"200": 2, b"503": 18}


def test_streams_are_limited_for_a_token_and_in_all(strict: House) -> None:
    other = strict.server.token("streams", "user:other")
    with contextlib.ExitStack() as open_streams:

        def stream(token: str) -> int:
            headers = {"authorization": f"Bearer {token}"}
            client = open_streams.enter_context(httpx2.Client(headers=headers, verify=False))
            asked = client.stream("GET", strict.server.url + "/sse")
            return open_streams.enter_context(asked).status_code

        assert [stream(strict.token) for _ in range(2)] == [200, 200]
        refused(strict.server.ask("/sse", strict.token), 503, "too_many_sessions")
        assert stream(other) == 200
        refused(strict.server.ask("/sse", other), 503, "too_many_sessions")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HT",
        b"POST /mcp HTTP/1.1\r\nhost: localhost:PORT\r\nauthorization: Bearer TOKEN\r\n"
        b"content-length: 10\r\n\r\n{",
        b"GET /health HTTP/1.1\r\nhost: localhost:PORT\r\nauthorization: Bearer TOKEN\r\n\r\n"
        b"GET /he",
    ],
    ids=["nothing", "half a line", "half a body", "half a second request"],
)
def test_a_client_that_does_not_go_on_is_let_go(strict: House, sent: bytes) -> None:
    said = sent.replace(b"PORT", str(strict.server.port).encode())
    said = said.replace(b"TOKEN", strict.token.encode())
    with socket.create_connection(("127.0.0.1", strict.server.port), timeout=20) as wire:
        wire.sendall(said)
        heard = b""
        try:
            while part := wire.recv(4096):
                heard += part
        except ConnectionResetError:
            pass
    if b"POST" in sent:
        assert heard.startswith(b"HTTP/1.1 408")
    assert strict.server.ask("/health", strict.token).status_code == 200


def test_who_sends_no_headers_is_let_go_long_before_who_sends_no_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FOR_HEADERS", 0.1)
    new_token(tmp_path, "ana", "user:ana")
    with local_server(tmp_path, ROUTEMEM_HTTP_TIMEOUT="60") as server:
        for sent in (b"", b"GET /health HT"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as wire:
                wire.sendall(sent)
                with contextlib.suppress(ConnectionResetError):
                    assert wire.recv(4096) == b""


def test_a_client_that_reads_no_answer_is_let_go(strict: House) -> None:
    asked = (
        f"GET /openapi.json HTTP/1.1\r\nhost: localhost:{strict.server.port}\r\n"
        f"authorization: Bearer {strict.token}\r\n\r\n"
    )
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.settimeout(20)
        wire.connect(("127.0.0.1", strict.server.port))
        with pytest.raises(ConnectionError):  # a timeout, if it waited for ever
            wire.sendall(asked.encode() * 50_000)
    assert strict.server.ask("/health", strict.token).status_code == 200


def test_metrics_are_numbers_without_names_or_content(house: House) -> None:
    house.server.ask(f"/{SECRET}", house.token)
    body = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "remember", "arguments": {"content": SECRET}},
    }
    session = {"mcp-session-id": open_session(house).headers["mcp-session-id"], **ACCEPT}
    done = house.server.ask("/mcp", house.token, "POST", json=body, headers=session)
    assert "Stored" in done.text
    answer = house.server.ask("/metrics", house.server.token("everything", "*"))
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert 'routemem_http_responses_total{path="other",status="404"}' in answer.text
    for line in lines:
        name, _, value = line.rpartition(" ")
        assert name.startswith(("routemem_http_", "routemem_tool_"))
        assert float(value) >= 0
    for private in ("emeralds", "user:ana", house.token):
        assert private not in answer.text


def test_metrics_of_all_clients_are_not_told_to_one_of_them(house: House) -> None:
    for name, scopes, read_only in (("one", "user:ana,project:*", False), ("few", "user:a", True)):
        token = house.server.token(name, scopes, read_only=read_only)
        refused(house.server.ask("/metrics", token), 403, "not_allowed")
    watching = house.server.token("watching", "*", read_only=True)
    assert house.server.ask("/metrics", watching).status_code == 200


def test_a_damaged_list_of_tokens_lets_nobody_in(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    with local_server(tmp_path) as server:
        (tmp_path / "data" / "tokens.json").write_text("{", "utf-8")
        refused(server.ask("/health", token), 503, "tokens_unreadable")


# ----------------------------------------------------------------------------- the start


def test_it_does_not_start_without_a_token_that_is_good(tmp_path: Path) -> None:
    for flag in ("--http", "--sse"):
        done = run(tmp_path, "serve", flag, "--port", "0")
        assert done.returncode == 1
        assert b"routemem token create" in done.stderr
    new_token(tmp_path, "brief", "user:ana", days=1e-9)
    assert run(tmp_path, "serve", "--http", "--port", "0").returncode == 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "memory.example", ""])
def test_other_machines_reach_it_only_when_asked_for_twice(host: str) -> None:
    for names, exposed in (((), False), ((), True), (("memory.example",), False)):
        with pytest.raises(InvalidArgument, match=r"--expose .* --allow-host"):
            Address(host, 0, names, exposed=exposed).check()
    Address(host, 0, ("memory.example",), exposed=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_no_leave(host: str) -> None:
    Address(host, 0).check()


def test_an_address_of_other_machines_is_refused_at_the_start(tmp_path: Path) -> None:
    new_token(tmp_path, "ana", "user:ana")
    done = run(tmp_path, "serve", "--http", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 1
    assert b"--expose" in done.stderr


def test_exposed_it_answers_under_the_names_that_were_given(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    flags = ("--host", "0.0.0.0", "--expose", "--allow-host", "memory.example")
    with local_server(tmp_path, *flags) as server:
        local = f"http://127.0.0.1:{server.port}/health"
        headers = {"authorization": f"Bearer {token}", "host": "memory.example"}
        assert httpx2.get(local, headers=headers, verify=False).status_code == 200
        headers["host"] = "evil.example"
        refused(httpx2.get(local, headers=headers, verify=False), 421, "wrong_host")


def test_a_port_that_is_taken_is_told(house: House) -> None:
    with pytest.raises(InvalidArgument, match="Choose another --port"):
        listen(Address("127.0.0.1", house.server.port))


@pytest.mark.slow
def test_the_log_quotes_no_request(tmp_path: Path) -> None:
    token = new_token(tmp_path, "ana", "user:ana")
    with process_server(tmp_path, ROUTEMEM_LOG_LEVEL="DEBUG") as server:
        server.ask(f"/{SECRET}", token)
        server.ask("/mcp", token, "POST", content=json.dumps(SECRET), headers=dict(ACCEPT))
        server.ask("/health", "wrong-" + SECRET)
        server.ask("/messages/", token, "POST", params={"session_id": SECRET}, json={})
        server.ask("/health", headers={"connection": "upgrade", "upgrade": SECRET})
        _, said = server.end()
    assert "emeralds" not in said
    assert "pip install" not in said
    assert token not in said
