"""One line to one message and back; nothing is dropped and nothing breaks the line."""

import json
from typing import Any

import mcp.types as types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routemem.server.frames import Refusal, decode, encode
from routemem.server.wire import LongLine

START = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside),
    max_leaves=8,
)


def request(line: bytes) -> types.JSONRPCRequest:
    message = decode(line)
    assert isinstance(message, types.JSONRPCRequest), message
    return message


def argument(value: bytes) -> Any:
    params = request(START + value + b"}}").params
    assert params
    return params["a"]


def refusal(line: bytes | LongLine) -> tuple[int, types.RequestId | None]:
    message = decode(line)
    assert isinstance(message, Refusal), message
    return message.answer.error.code, message.answer.id


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb'"lone \ud83d end"', "lone \ufffd end"),
        (rb'"lone \uDE00 end"', "lone \ufffd end"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"pair \ud83d\ude00, cut \ud83d"', "pair \U0001f600, cut \ufffd"),
        (rb'"path \\ud83d, cut \ud83d"', "path \\ud83d, cut \ufffd"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (rb'"\ud83d\n"', "\ufffd\n"),
        (b'"\xff\xfe latin"', "\ufffd\ufffd latin"),
        (b'"\xed\xa0\xbd"', "\ufffd\ufffd\ufffd"),
        (rb'"nul \u0000"', "nul \x00"),
    ],
)
def test_text_that_is_not_valid_unicode_is_mended(sent: bytes, read: str) -> None:
    assert argument(sent) == read


@given(st.text(st.characters(codec=None), max_size=20))
def test_every_text_arrives_with_its_half_pairs_replaced(text: str) -> None:
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert argument(json.dumps(text).encode()) == whole


def test_a_byte_order_mark_and_a_carriage_return_are_tolerated() -> None:
    assert request(b"\xef\xbb\xbf" + START + b"1}}\r").id == 7


@pytest.mark.parametrize(
    "line",
    [b"nonsense", b'{"jsonrpc":"2.0","id":7,', b'{"a":"raw\ttab"}', b"{'a':1}", b"\xff", b"[" * 9],
)
def test_what_is_no_json_is_refused_as_unreadable(line: bytes) -> None:
    assert refusal(line) == (types.PARSE_ERROR, None)


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (b'{"id":7,"method":"ping"}', 7),
        (b'{"jsonrpc":"1.0","id":"x","method":"ping"}', "x"),
        (b'{"jsonrpc":"2.0","id":7}', 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[1]}', 7),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', 7),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', None),
        # A broken answer: the id is one of ours, the client may have a request of the same id.
        (b'{"jsonrpc":"2.0","id":7,"result":5}', None),
        (b'{"jsonrpc":"2.0","id":7,"error":"x"}', None),
        (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', None),
        (b'"text"', None),
        (b"5", None),
        (b"null", None),
        (rb'{"id":7,"method":"\ud83d"}', 7),
    ],
)
def test_json_that_is_no_message_is_refused_with_the_requests_id(
    line: bytes, known: types.RequestId | None
) -> None:
    assert refusal(line) == (types.INVALID_REQUEST, known)


@pytest.mark.parametrize("depth", [300, 100_000])
def test_deep_nesting_is_refused_with_the_requests_id(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    assert refusal(START + nested + b"}}") == (types.INVALID_REQUEST, 7)
    at_end = b'{"method":"x","params":{"id":1,"a":' + nested + b'},"jsonrpc":"2.0","id":"k\\"7"}'
    assert refusal(at_end) == (types.INVALID_REQUEST, 'k"7')
    assert refusal(b"[" * depth) in [(types.PARSE_ERROR, None), (types.INVALID_REQUEST, None)]


def test_a_number_with_too_many_digits_is_refused_with_the_requests_id() -> None:
    assert refusal(START + b"1" * 5000 + b"}}") == (types.INVALID_REQUEST, 7)


def test_a_line_that_is_too_long_is_refused_with_the_requests_id() -> None:
    tail = b'aaa"},"jsonrpc":"2.0","id":8}'
    typescript = LongLine(99, b'{"method":"tools/call","params":{"id":1,"a":"aaa', tail)
    assert refusal(LongLine(99, START + b'"aaa', b'aaa"}}')) == (types.INVALID_REQUEST, 7)
    assert refusal(typescript) == (types.INVALID_REQUEST, 8)
    assert refusal(LongLine(99, b"aaa", b"aaa")) == (types.INVALID_REQUEST, None)
    answer = LongLine(99, b'{"jsonrpc":"2.0","id":7,"result":{"a":"aaa', b'aaa"}}')
    assert refusal(answer) == (types.INVALID_REQUEST, None)


def test_an_id_inside_the_arguments_is_never_taken_for_the_requests() -> None:
    head = b'{"method":"tools/call","params":{"arguments":{"id":5,"a":"'
    assert refusal(LongLine(99, head, b'\\"id\\":6}"}},"jsonrpc":"2.0"}'))[1] is None
    assert refusal(LongLine(99, head, b'","id":6}}}'))[1] is None


def test_numbers_that_are_not_json_reach_the_tool_which_can_refuse_them() -> None:
    assert argument(b"1e999") == float("inf")
    assert str(argument(b"NaN")) == "nan"


def test_a_notification_is_one_even_with_a_null_id() -> None:
    line = b'{"jsonrpc":"2.0","id":null,"method":"notifications/initialized"}'
    assert isinstance(decode(line), types.JSONRPCNotification)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_a_message_is_written_as_one_line_that_reads_the_same(result: dict[str, Any]) -> None:
    line = encode(types.JSONRPCResponse(jsonrpc="2.0", id=1, result=result))
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1 or b"\xc2\x85" in line
    assert json.loads(line) == {"jsonrpc": "2.0", "id": 1, "result": result}


def test_half_pairs_and_numbers_that_are_not_json_are_written_as_json() -> None:
    result = {"\ud83dkey": ["cut \ud83d", "whole \U0001f600", float("nan"), float("-inf")]}
    line = encode(types.JSONRPCResponse(jsonrpc="2.0", id=1, result=result))
    written = json.loads(line.decode())["result"]
    assert written == {"\ufffdkey": ["cut \ufffd", "whole \U0001f600", None, None]}


@pytest.mark.parametrize("value", [object(), {1, 2, object()}])
def test_an_answer_that_is_not_json_becomes_an_error_with_its_id(value: object) -> None:
    line = encode(types.JSONRPCResponse(jsonrpc="2.0", id="k", result={"value": value}))
    message = json.loads(line)
    assert (message["id"], message["error"]["code"]) == ("k", types.INTERNAL_ERROR)


def test_line_breaks_of_unicode_are_escaped() -> None:
    line = encode(types.JSONRPCResponse(jsonrpc="2.0", id=1, result={"a": "x\u2028y\u2029z“"}))
    assert rb"x\u2028y\u2029z" in line
    assert json.loads(line)["result"]["a"] == "x\u2028y\u2029z“"
