"""One line of the stdio transport to one JSON-RPC message, and back. Pure; nothing is dropped."""

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

import mcp.types as types
from pydantic import ValidationError

from .wire import LongLine

logger = logging.getLogger(__name__)

_BOM = b"\xef\xbb\xbf"
# One escape of a JSON string. Group 1 is set for half of a surrogate pair without its other half;
# an escaped backslash and a whole pair are eaten by the other branches.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# A request's id where clients write it, at the very start or the very end of the line: the only
# places where it is certainly not part of the arguments.
_ID = rb'"id"\s*:\s*(-?\d{1,18}|"(?:[^"\\]|\\.){0,200}")\s*'
_VERSION = rb'"jsonrpc"\s*:\s*"2\.0"\s*'
_ID_AT_START = re.compile(rb"\s*\{\s*(?:" + _VERSION + rb",\s*)?" + _ID + rb",")
_ID_AT_END = re.compile(_ID + rb"(?:,\s*" + _VERSION + rb")?\}\s*$")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that is not a message, and what the client is told about it."""

    answer: types.JSONRPCError


def decode(line: bytes | LongLine) -> types.JSONRPCMessage | Refusal:
    """Read one line that is not empty.

    Half surrogate pairs (text cut inside an emoji) and bytes that are not UTF-8 become U+FFFD.
    What cannot be read is refused with -32700, what is JSON but no message with -32600, with the
    request's id where there is one.
    """
    if isinstance(line, LongLine):
        why = f"The message has {line.size:,} bytes, more than this server reads: send less at once"
        return _refuse(types.INVALID_REQUEST, why, _id_at_edge(line.head, line.tail))
    try:
        return _checked(line)
    except ValidationError as error:
        if not _is_unreadable(error):
            return _not_a_message(line)
    mended = mend(line)
    try:
        return _checked(mended)
    except ValidationError as error:
        if not _is_unreadable(error):
            return _not_a_message(mended)
        return _unreadable(mended, error)


def encode(message: types.JSONRPCMessage) -> bytes:
    """Write one message as one line with its newline.

    Half surrogate pairs become U+FFFD, NaN and infinities null. A result that is not JSON becomes
    an internal error with the same id.
    """
    try:
        line = types.jsonrpc_message_adapter.dump_json(message, by_alias=True, exclude_unset=True)
    except ValueError:
        line = _dump_mended(message)
    if b"\xe2" in line:  # U+2028, U+2029: legal in JSON, but some clients' line readers stop there
        line = line.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
    return line + b"\n"


def _checked(line: bytes) -> types.JSONRPCMessage | Refusal:
    message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    # A request whose id is of a wrong type reads as a notification, and nobody would answer it.
    if isinstance(message, types.JSONRPCNotification) and b'"id"' in line:
        if not message.method.startswith("notifications/") and "id" in json.loads(line):
            return _refuse(types.INVALID_REQUEST, "A request's id is a string or an integer")
    return message


def _is_unreadable(error: ValidationError) -> bool:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["type"] == "json_invalid"


def mend(line: bytes) -> bytes:
    """JSON in which half surrogate pairs and bytes that are not UTF-8 are U+FFFD."""
    text = line.removeprefix(_BOM).decode("utf-8", "replace").encode()
    return _whole_pairs(text)


def _whole_pairs(text: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], text)


def _not_a_message(line: bytes) -> Refusal:
    value = json.loads(line)
    if isinstance(value, list):
        why = "Batches are not served: send one message per line"
        return _refuse(types.INVALID_REQUEST, why)
    found: Any = None
    if isinstance(value, dict) and not {"result", "error"} & value.keys():
        # The id of a broken answer is ours; sending it back would hit one of the client's requests.
        found = value.get("id")
    known = found if isinstance(found, str | int) and not isinstance(found, bool) else None
    why = 'Not a message: expected an object with "jsonrpc": "2.0", a method, and params an object'
    return _refuse(types.INVALID_REQUEST, why, known)


def _unreadable(line: bytes, error: ValidationError) -> Refusal:
    """Tell JSON that our parser refuses (nesting, long numbers) from what is no JSON at all."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        # The parser's text names a position, never the content.
        return _refuse(types.PARSE_ERROR, error.errors(include_input=False)[0]["msg"])
    except (RecursionError, ValueError):
        pass
    why = "The message is nested too deeply or holds a number with too many digits"
    return _refuse(types.INVALID_REQUEST, why, _id_at_edge(line, line[-1024:]))


def _id_at_edge(head: bytes, tail: bytes) -> types.RequestId | None:
    found = _ID_AT_START.match(head) or _ID_AT_END.search(tail)
    if found is None or b'"method"' not in head[:1024]:
        return None
    known: types.RequestId = json.loads(_whole_pairs(found[1]))
    return known


def _refuse(code: int, why: str, known: types.RequestId | None = None) -> Refusal:
    logger.warning("refused a line: code %d, request id %r", code, known)
    error = types.ErrorData(code=code, message=why)
    return Refusal(types.JSONRPCError(jsonrpc="2.0", id=known, error=error))


def _dump_mended(message: types.JSONRPCMessage) -> bytes:
    try:
        plain = json.dumps(message.model_dump(by_alias=True, exclude_unset=True))
    except (TypeError, ValueError, RecursionError):
        logger.error("an answer could not be written as JSON: %s", type(message).__name__)
        error = types.ErrorData(code=types.INTERNAL_ERROR, message="The answer is not JSON")
        known = getattr(message, "id", None)
        answer = types.JSONRPCError(jsonrpc="2.0", id=known, error=error)
        return answer.model_dump_json(exclude_unset=True).encode()
    finite = json.loads(_whole_pairs(plain.encode()), parse_constant=lambda _: None)
    return json.dumps(finite, ensure_ascii=False).encode()
