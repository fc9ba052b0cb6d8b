"""Put one server's entry into a client's configuration: text in, text out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routemem.memory_core.errors import Conflict

from . import jsonc, toml_tables
from .clients import Client

_REMOTE = ("url", "serverUrl", "httpUrl")
_UNSAFE = "it is written in a way that cannot be changed safely"


@dataclass(frozen=True, slots=True)
class Merged:
    """The new text, and the names of what an earlier entry had and still has."""

    text: str
    kept: tuple[str, ...]


def earlier(text: str, client: Client, name: str) -> Mapping[str, Any]:
    """The entry of that name that starts a local program; empty when there is none.

    Raises:
        InvalidArgument, Conflict: as for `merge`.
    """
    servers = _servers(_parse(text.replace("\r\n", "\n"), client), client)
    old = servers.get(name)
    return old if isinstance(old, dict) and not _is_remote(old) else {}


def merge(text: str, client: Client, name: str, entry: Mapping[str, Any]) -> Merged:
    """Set the entry of a server; everything else in the file stays as it is, to the letter.

    Of an earlier entry of that name the members that ``entry`` does not set are kept (``disabled``,
    ``alwaysLoad``, environment variables such as where the memory is), unless it named a remote
    server: that one is replaced whole. The result is read back and compared before it is returned.

    Args:
        text: the file without byte order mark; empty for a new file.
        client: whose file it is.
        name: the server's name: letters, digits, ``-`` and ``_``.
        entry: command, args, env and what the client wants besides.

    Raises:
        InvalidArgument: the text is not what the client reads.
        Conflict: the file has something else where the servers belong, or is written in a way
            that cannot be changed safely.
    """
    # Work with one kind of line end where the file has one; a mixed file gets plain new lines.
    crlf = "\r\n" in text and text.count("\r\n") == text.count("\n")
    plain = text.replace("\r\n", "\n") if crlf else text
    before = _parse(plain, client)
    servers = _servers(before, client)
    old = servers.get(name)
    local = old if isinstance(old, dict) and not _is_remote(old) else None
    new = dict(entry) if local is None else _combined(local, entry)
    write = _merge_toml if client.syntax == "toml" else _merge_json
    expected = {**before, client.key: {**servers, name: new}}
    try:
        after = write(plain, (client.key, name), local, new)
        same = _same(_parse(after, client), expected, ordered=client.syntax == "json")
    except (ValueError, RecursionError) as error:
        raise Conflict(_UNSAFE) from error
    if not same:
        raise Conflict(_UNSAFE)
    return Merged(after.replace("\n", "\r\n") if crlf else after, _kept(new, entry))


def _parse(text: str, client: Client) -> dict[str, Any]:
    return toml_tables.parse(text) if client.syntax == "toml" else jsonc.parse(text)


def _servers(document: Mapping[str, Any], client: Client) -> dict[str, Any]:
    servers = document.get(client.key, {})
    if not isinstance(servers, dict):
        raise Conflict(f"{client.key} in it is a {type(servers).__name__}, expected an object")
    return servers


def _is_remote(entry: Mapping[str, Any]) -> bool:
    return any(key in entry for key in _REMOTE) or entry.get("type", "stdio") != "stdio"


def _combined(old: dict[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    new = {**old, **entry}
    if isinstance(old.get("env"), dict):
        new["env"] = {**old["env"], **entry.get("env", {})}
    return new


def _kept(new: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, ...]:
    env, given = new.get("env"), entry.get("env", {})
    variables = [f"env.{key}" for key in env if key not in given] if isinstance(env, dict) else []
    return (*(key for key in new if key not in entry and key != "env"), *variables)


def _merge_json(
    text: str, path: tuple[str, str], old: dict[str, Any] | None, new: dict[str, Any]
) -> str:
    if old is None:
        return jsonc.set_value(text, path, new)
    # Member by member, so that comments inside the entry survive too.
    for key, value in new.items():
        was = old.get(key)
        if key == "env" and isinstance(was, dict):
            for variable, content in value.items():
                if was.get(variable) != content:
                    text = jsonc.set_value(text, (*path, key, variable), content)
        elif key not in old or was != value:
            text = jsonc.set_value(text, (*path, key), value)
    return text


def _merge_toml(
    text: str, path: tuple[str, str], old: dict[str, Any] | None, new: dict[str, Any]
) -> str:
    if old is None:
        return toml_tables.set_table(toml_tables.drop_table(text, path), path, new)
    changed = {key: value for key, value in new.items() if key not in old or old[key] != value}
    return toml_tables.set_table(text, path, changed) if changed else text


def _same(left: Any, right: Any, ordered: bool) -> bool:
    if not ordered:
        return bool(left == right)
    return json.dumps(left) == json.dumps(right)
