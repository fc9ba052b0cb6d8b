"""The stdio transport, spoken to as a real process in raw lines, in both protocol eras."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from raw_client import TOY, RawClient

ERAS = pytest.mark.parametrize("modern", [False, True], ids=["legacy", "modern"])
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals and pipes")


@pytest.fixture(scope="module", params=[False, True], ids=["legacy", "modern"])
def client(request: pytest.FixtureRequest) -> Iterator[RawClient]:
    with RawClient(modern=request.param) as opened:
        opened.open()
        yield opened


def text_of(result: dict[str, Any]) -> str:
    text: str = result["content"][0]["text"]
    return text


def wait_until_running(client: RawClient) -> int:
    """Start a call that never ends and return its id once it runs."""
    known = client.start("wait")
    assert client.receive()["method"] == "notifications/progress"
    return known


@ERAS
def test_a_client_of_either_era_is_served_to_its_end(modern: bool) -> None:
    with RawClient(modern=modern) as client:
        assert client.open()["result"]["instructions"] == "A toy."
        names = [tool["name"] for tool in client.ask("tools/list")["result"]["tools"]]
        assert names[0] == "echo"
        assert text_of(client.call("measure", content="abc")) == "3"
        assert client.leave() == (0, b"", "")


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_sdks_own_client_is_served(mode: str) -> None:
    seen: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    server = StdioServerParameters(command=TOY[0], args=TOY[1:])
    async with Client(server, mode=mode) as client:
        result = await client.call_tool("wait", {"seconds": 0}, progress_callback=on_progress)
        assert result.structured_content == {"result": "waited"}
    assert seen == [1]


@pytest.mark.parametrize(
    ("line", "code", "known"),
    [
        (b"nonsense", -32700, None),
        (b'{"jsonrpc":"2.0","id":77,', -32700, None),
        (b'{"jsonrpc":"2.0","id":77}', -32600, 77),
        (b'{"id":"a","method":"tools/list"}', -32600, "a"),
        (b"[]", -32600, None),
        (b'{"jsonrpc":"2.0","id":77,"method":"x","params":' + b"[" * 100_000, -32600, 77),
        (
            b'{"jsonrpc":"2.0","id":77,"method":"x","params":{"a":'
            + b"[" * 100_000
            + b"]" * 100_000
            + b"}}",
            -32600,
            77,
        ),
    ],
    ids=["no json", "half a line", "no method", "no version", "batch", "half nested", "nested"],
)
def test_a_line_that_is_no_message_is_answered_and_the_next_is_served(
    client: RawClient, line: bytes, code: int, known: int | str | None
) -> None:
    client.send_line(line)
    message = client.receive()
    assert (message["error"]["code"], message["id"]) == (code, known)
    assert message["error"]["message"]
    assert text_of(client.call("measure", content="still here")) == "10"


def test_empty_lines_are_skipped(client: RawClient) -> None:
    client.send_line(b"\n  \r\n\t")
    assert text_of(client.call("measure", content="x")) == "1"


def test_text_cut_inside_an_emoji_is_answered(client: RawClient) -> None:
    assert text_of(client.call("echo", content="cut \ud83d here")) == "cut \ufffd here"
    assert text_of(client.call("echo", content="whole \U0001f600")) == "whole \U0001f600"


def test_an_answer_of_broken_text_is_one_readable_line(client: RawClient) -> None:
    known = client.start("half_pairs")
    line = client.stdout.readline().decode()
    assert len(line.splitlines()) == 1
    message = json.loads(line)
    assert message["id"] == known
    assert text_of(message["result"]) == "cut \ufffd here\nnext\u2028line \U0001f600"
    assert message["result"]["structuredContent"]["score"] is None


def test_an_answer_that_is_not_json_is_an_error(client: RawClient) -> None:
    assert client.ask("tools/call", {"name": "not_json"})["error"]["code"] == -32603
    assert text_of(client.call("measure", content="x")) == "1"


def test_not_a_number_is_refused_by_name(client: RawClient) -> None:
    assert "threshold: Input should be a finite" in text_of(
        client.call("echo", threshold=float("nan"))
    )


def test_a_long_line_is_served_and_one_too_long_is_refused_with_its_id(client: RawClient) -> None:
    size = 31 << 20
    assert text_of(client.call("measure", content="x" * size)) == str(size)
    message = client.ask("tools/call", {"name": "measure", "arguments": {"content": "x" * 2**25}})
    assert message["error"]["code"] == -32600
    assert text_of(client.call("measure", content="x")) == "1"


def test_many_calls_at_once_are_each_answered_once(client: RawClient) -> None:
    """More than the pipes hold, and nothing is read before all is sent."""
    text = "x" * 20_000
    sent = [client.start("echo", content=text) for _ in range(200)]
    answers = [client.receive() for _ in sent]
    assert sorted(answer["id"] for answer in answers) == sent
    assert {text_of(answer["result"]) for answer in answers} == {text}


def test_a_fast_call_overtakes_a_slow_one(client: RawClient) -> None:
    slow = wait_until_running(client)
    assert text_of(client.call("measure", content="x")) == "1"
    cancel = {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": slow},
    }
    client.send_line(json.dumps(cancel).encode())
    assert text_of(client.call("measure", content="x")) == "1"


def test_stray_output_goes_to_stderr() -> None:
    with RawClient(PYTHONUNBUFFERED="") as client:
        client.open()
        assert text_of(client.call("shout")) == "done"
        code, out, err = client.leave()
    assert (code, out) == (0, b"")
    for stray in ("stray print", "stray write", "stray child ''", "stray buffered"):
        assert stray in err


def test_output_before_serving_goes_to_stderr_once_the_wire_is_claimed() -> None:
    early = (
        "from routemem.server.wire import claim_stdio; import os, sys\n"
        "sys.stdout.write('before the claim\\n'); claim_stdio(); claim_stdio()\n"
        "print('early print'); os.system('echo early child')\n"
        f"sys.path.insert(0, {str(Path(TOY[1]).parent)!r}); import toy_server; toy_server.main()"
    )
    with RawClient([sys.executable, "-c", early], PYTHONUNBUFFERED="") as client:
        client.open()
        code, out, err = client.leave()
    assert (code, out) == (0, b"")
    for stray in ("before the claim", "early print", "early child"):
        assert stray in err


def test_no_input_at_all_ends_cleanly() -> None:
    with RawClient() as client:
        assert client.leave() == (0, b"", "")


def test_calls_under_way_are_answered_after_the_end_of_input() -> None:
    with RawClient() as client:
        client.open()
        slow = client.start("wait", seconds=0.2)
        last = {"jsonrpc": "2.0", "id": "last", "method": "ping"}
        client.stdin.write(json.dumps(last).encode())  # and no newline
        code, out, _ = client.leave()
    assert code == 0
    messages = [json.loads(line) for line in out.splitlines()]
    answers = {message["id"]: message["result"] for message in messages if "id" in message}
    assert answers.keys() == {slow, "last"}
    assert text_of(answers[slow]) == "waited"


@ERAS
def test_a_call_that_does_not_end_is_given_up_after_the_grace(modern: bool) -> None:
    with RawClient(modern=modern, TOY_GRACE="0.1") as client:
        client.open()
        endless = wait_until_running(client)
        code, out, _ = client.leave()
    assert code == 0
    message = json.loads(out)
    assert (message["id"], message["error"]["code"]) == (endless, -32000)


def test_a_cancelled_call_is_not_waited_for() -> None:
    with RawClient(TOY_GRACE="3600") as client:  # the client is killed long before
        client.open()
        endless = wait_until_running(client)
        params = {"requestId": endless}
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        client.send_line(json.dumps(cancel).encode())
        assert client.leave() == (0, b"", "")


@POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cuts_calls_short_and_ends_cleanly(number: signal.Signals) -> None:
    with RawClient(TOY_GRACE="3600") as client:
        client.open()
        endless = wait_until_running(client)
        client.process.send_signal(number)
        message = client.receive()
        assert (message["id"], message["error"]["code"]) == (endless, -32000)
        assert client.process.wait() == 0
        assert client.leave() == (0, b"", "")


@POSIX
def test_a_client_that_does_not_read_cannot_keep_the_server() -> None:
    with RawClient() as client:
        client.open()
        for _ in range(20):
            client.start("echo", content="x" * 20_000)
        assert client.stdout.read(1) == b"{"  # it has begun to answer
        client.process.send_signal(signal.SIGTERM)
        assert client.process.wait() == 0


@POSIX
def test_a_closed_stdout_ends_the_server_quietly() -> None:
    with RawClient(TOY_GRACE="3600") as client:
        client.open()
        client.stdout.close()
        client.start("measure", content="x")
        assert client.process.wait() == 0
        assert client.stderr.read() == b""
