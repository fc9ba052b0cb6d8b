"""The merges behind ``routemem install``: what they keep, and what they make of an older entry."""

import json
import re
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routemem.memory_core.errors import Conflict
from routemem.server.install import jsonc
from routemem.server.install.clients import TABLE
from routemem.server.install.merge import merge

CURSOR, CODEX = TABLE["cursor"], TABLE["codex"]
ENTRY: dict[str, Any] = {"command": "/programs/routemem", "args": ["serve"], "env": {"A": "1"}}
COMMENT = re.compile(r"c\d+c")

words = st.text(max_size=8) | st.sampled_from(
    ["// no comment", "/*", "*/", ",}", "\\", '"', "{", "mcpServers", "é", "\u2028"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
values = st.recursive(
    scalars.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
others = st.dictionaries(words.filter(lambda key: key != "mcpServers"), values, max_size=3)
neighbours = st.dictionaries(words.filter(lambda key: key != "routemem"), values, max_size=3)
older = st.fixed_dictionaries(
    {},
    optional={
        "command": scalars,
        "args": values,
        "env": st.dictionaries(st.sampled_from("AB"), words),
        "disabled": st.booleans(),
        "note": values,
    },
)


class Scribe:
    """Writes a value as JSON with drawn white space, comments and trailing commas."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.comments = draw, 0

    def gap(self) -> str:
        kind = self.draw(st.sampled_from(["", "", "", " ", "\n", "\n\t", "line", "block"]))
        if kind not in ("line", "block"):
            return str(kind)
        self.comments += 1
        mark = f'c{self.comments}c "{{,'
        return f" // {mark}\n" if kind == "line" else f"/* {mark}\n */"

    def write(self, value: Any) -> str:
        if not isinstance(value, dict | list) or not value:
            return json.dumps(value, ensure_ascii=self.draw(st.booleans()))
        items = [
            self.write(item) for item in (value.values() if isinstance(value, dict) else value)
        ]
        if isinstance(value, dict):
            keys = [json.dumps(key) for key in value]
            items = [f"{k}{self.gap()}:{self.gap()}{v}" for k, v in zip(keys, items, strict=True)]
        body = ",".join(f"{self.gap()}{item}{self.gap()}" for item in items)
        comma = "," + self.gap() if self.draw(st.booleans()) else ""
        return f"{{{body}{comma}}}" if isinstance(value, dict) else f"[{body}{comma}]"


@st.composite
def documents(draw: st.DrawFn, entry: st.SearchStrategy[Any]) -> tuple[Any, str]:
    """A client's settings, as values and as text; the servers may be missing."""
    value = dict(draw(others))
    if draw(st.booleans()):
        value["mcpServers"] = draw(neighbours) | draw(entry)
        value |= draw(others)
    scribe = Scribe(draw)
    return value, scribe.gap() + scribe.write(value) + scribe.gap()


@settings(max_examples=150, deadline=None)
@given(documents(st.just({})))
def test_a_new_entry_is_all_that_changes_and_nothing_is_taken_out(
    document: tuple[Any, str],
) -> None:
    value, text = document
    assert jsonc.parse(text) == value
    after = merge(text, CURSOR, "routemem", ENTRY).text
    expected = value | {"mcpServers": {**value.get("mcpServers", {}), "routemem": ENTRY}}
    assert json.dumps(jsonc.parse(after)) == json.dumps(expected)
    assert COMMENT.findall(after) == COMMENT.findall(text)
    rest = iter(after)
    assert all(mark in rest for mark in text if not mark.isspace())
    assert merge(after, CURSOR, "routemem", ENTRY).text == after


@settings(max_examples=100, deadline=None)
@given(documents(st.fixed_dictionaries({"routemem": older})))
def test_an_older_entry_gets_the_new_command_and_keeps_the_rest(document: tuple[Any, str]) -> None:
    value, text = document
    after = merge(text, CURSOR, "routemem", ENTRY).text
    old = value.get("mcpServers", {}).get("routemem", {})
    new = {**old, **ENTRY, "env": {**old.get("env", {}), **ENTRY["env"]}}
    expected = value | {"mcpServers": {**value.get("mcpServers", {}), "routemem": new}}
    assert json.dumps(jsonc.parse(after)) == json.dumps(expected)
    assert merge(after, CURSOR, "routemem", ENTRY).text == after


@settings(max_examples=50, deadline=None)
@given(others)
def test_strict_json_stays_strict_json(value: dict[str, Any]) -> None:
    for indent in (None, 2, "\t"):
        after = merge(json.dumps(value, indent=indent), CURSOR, "routemem", ENTRY).text
        assert json.loads(after) == value | {"mcpServers": {"routemem": ENTRY}}


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
def test_the_indentation_of_the_file_is_taken_over(indent: str) -> None:
    servers = {"files": {"command": "npx", "env": {"ROOT": "/"}}}
    text = json.dumps({"mcpServers": servers, "theme": "dark"}, indent=indent)
    after = merge(text, CURSOR, "routemem", {"command": "x", "env": {"A": "1"}}).text
    servers["routemem"] = {"command": "x", "env": {"A": "1"}}
    assert after == json.dumps({"mcpServers": servers, "theme": "dark"}, indent=indent)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "mcpServers": {\n    "routemem": {\n      "command": "x"\n    }\n  }\n}\n'),
        ("{}", '{\n  "mcpServers": {\n    "routemem": {\n      "command": "x"\n    }\n  }\n}'),
        ('{"mcpServers":{}}', '{"mcpServers":{"routemem": {"command": "x"}}}'),
        ('{"a":1}\n', '{"a":1,"mcpServers":{"routemem":{"command":"x"}}}\n'),
        ('{"a": 1,}', '{"a": 1, "mcpServers": {"routemem": {"command": "x"}}}'),
        (
            '{\n  "mcpServers": {"b": {}} // mine\n}',
            '{\n  "mcpServers": {"b": {}, "routemem": {"command": "x"}} // mine\n}',
        ),
        (
            '{\n "a": 1 // one\n // two\n}\n',
            '{\n "a": 1, // one\n // two\n'
            ' "mcpServers": {\n  "routemem": {\n   "command": "x"\n  }\n }\n}\n',
        ),
        (
            "// settings\n",
            "// settings\n"
            '{\n  "mcpServers": {\n    "routemem": {\n      "command": "x"\n    }\n  }\n}\n',
        ),
    ],
)
def test_the_entry_is_written_the_way_the_file_is(before: str, after: str) -> None:
    assert merge(before, CURSOR, "routemem", {"command": "x"}).text == after


def test_of_an_older_entry_what_is_not_ours_stays_and_is_named() -> None:
    text = """{
  "mcpServers": {
    "routemem": {
      // moved to the big disk
      "command": "/old/routemem", // was a venv
      "args": ["serve"],
      "env": {"ROUTEMEM_DATA_DIR": "/big", "A": "0"},
      "alwaysLoad": true,
    },
  },
}
"""
    merged = merge(text, CURSOR, "routemem", ENTRY)
    assert merged.kept == ("alwaysLoad", "env.ROUTEMEM_DATA_DIR")
    assert merged.text == text.replace("/old/routemem", "/programs/routemem").replace(
        '"A": "0"', '"A": "1"'
    )


@pytest.mark.parametrize("remote", [{"url": "http://h"}, {"type": "http"}, {"serverUrl": "x"}])
def test_an_older_entry_for_a_remote_server_is_replaced_whole(remote: dict[str, str]) -> None:
    text = json.dumps({"mcpServers": {"routemem": {**remote, "headers": {"K": "v"}}, "b": {}}})
    merged = merge(text, CURSOR, "routemem", ENTRY)
    assert json.loads(merged.text) == {"mcpServers": {"routemem": ENTRY, "b": {}}}
    assert merged.kept == ()


def test_of_a_key_that_stands_twice_the_last_one_counts() -> None:
    text = '{"mcpServers": {"a": {}}, "mcpServers": {"b": {}}}'
    after = merge(text, CURSOR, "routemem", {"command": "x"}).text
    assert (
        after == '{"mcpServers": {"a": {}}, "mcpServers": {"b": {}, "routemem": {"command": "x"}}}'
    )


PIECES = (
    '[profiles.fast]\nmodel = "o" # quick\n\n',
    "# a header in a string is none\n[notes]\nt = '''\n[mcp_servers.routemem]\n'''\n",
    '[notes2]\nt = """\n[mcp_servers.routemem]\ncommand = \\"x\\"\n"""" # " [\n\n',
    "[mcp_servers.files] # tools\nargs = [\n  '-y', # [x]\n  '[mcp_servers.routemem]',\n]\n",
    "[mcp_servers.files2.env]\nA = '1'\n# the end\n",
    "[[jobs]]\nwhen = 1979-05-27T07:32:00Z\nratio = nan\n[[jobs]]\n",
    "['mcp_servers'.\"quoted name\"]\nurl = 'https://h' # far\n\n",
)
OURS = (
    "",
    "[mcp_servers.routemem]\ncommand = '/old' # mine\nstartup_timeout_sec = 9\n\n# next\n",
    "[mcp_servers.routemem]\nenv = { B = '2', A = '0' }\n",
    "[mcp_servers.routemem]\nargs = [ # none\n]\nenv.B = '2'\nenv.C = '3'\n",
    "[mcp_servers.routemem.env]\nB = '2'\nA = '0'\n",
    "[ mcp_servers . 'routemem' ]\ncommand = 'x'\n[mcp_servers.routemem.tools.recall]\nok = true\n",
    "[mcp_servers.routemem]\nurl = 'https://h'\n[mcp_servers.routemem.http_headers]\nK = 'v'\n",
)


@settings(max_examples=100, deadline=None)
@given(st.permutations(PIECES), st.sampled_from(OURS), st.integers(0, len(PIECES)), st.booleans())
def test_in_toml_one_table_changes_and_every_other_line_stays(
    pieces: list[str], ours: str, at: int, end_line: bool
) -> None:
    text = "model = 'o'\n" + "".join([*pieces[:at], ours, *pieces[at:]])
    text = text if end_line else text.rstrip("\n")
    after = merge(text, CODEX, "routemem", ENTRY).text
    expected = tomllib.loads(text, parse_float=str)
    old = expected["mcp_servers"].get("routemem", {})
    old = {} if "url" in old else old
    new = {**old, **ENTRY, "env": {**old.get("env", {}), **ENTRY["env"]}}
    expected["mcp_servers"]["routemem"] = new
    assert tomllib.loads(after, parse_float=str) == expected
    rest = iter(after.splitlines())
    foreign = [line for piece in pieces for line in piece.splitlines() if line]
    assert all(line in rest for line in foreign)
    assert ("# mine" in after, "# next" in after) == ("# mine" in ours, "# next" in ours)
    assert merge(after, CODEX, "routemem", ENTRY).text == after


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_can_be_a_path_or_a_variable(text: str) -> None:
    entry = {"command": text, "args": [text], "env": {text or "A": text}}
    assert tomllib.loads(merge("", CODEX, "x", entry).text) == {"mcp_servers": {"x": entry}}
    assert json.loads(merge("", CURSOR, "x", entry).text) == {"mcpServers": {"x": entry}}


def test_a_toml_file_with_line_ends_of_windows_keeps_them() -> None:
    after = merge("model = 'o'\r\n", CODEX, "routemem", {"command": "C:\\r.exe"}).text
    assert after == "model = 'o'\r\n\r\n[mcp_servers.routemem]\r\ncommand = \"C:\\\\r.exe\"\r\n"


def test_servers_written_as_dotted_keys_above_all_tables_are_left_alone() -> None:
    text = "mcp_servers.routemem.command = 'x'\n"
    with pytest.raises(Conflict, match="safely"):
        merge(text, CODEX, "routemem", ENTRY)
