"""The real server as a real process, in raw lines, in both protocol eras."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from command import PROGRAM, own_settings
from raw_client import RawClient

from routemem.memory_core.scopes import Scopes
from routemem.memory_core.settings import Settings
from routemem.memory_core.storage.registry import file_name
from routemem.memory_core.text.tokens import estimate
from routemem.server.app import DEFAULT, TOOLSETS
from routemem.server.prompting import NEEDS

SERVE = [*PROGRAM, "serve"]
HANDSHAKES = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
MODERN = "2026-07-28"
SLOW = pytest.mark.slow
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Server(RawClient):
    """The server on a folder of its own, opened in the era of a protocol version."""

    def __init__(self, folder: Path, version: str = "2025-11-25", **more: str) -> None:
        settings = own_settings(folder) | more
        super().__init__(SERVE, modern=version == MODERN, **settings)
        self.hello = self._greet(version)["result"]

    def __enter__(self) -> "Server":
        return self

    def _greet(self, version: str) -> dict[str, Any]:
        if self.modern:
            return self.ask("server/discover")
        client = {"clientInfo": {"name": "raw", "version": "1"}, "capabilities": {}}
        message = self.ask("initialize", client | {"protocolVersion": version})
        self.send_line(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return message

    def get(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool that must succeed and return the structured answer."""
        result = self.call(tool, **arguments)
        assert not result.get("isError"), result
        found: dict[str, Any] = result["structuredContent"]
        return found

    def refusal(self, tool: str, **arguments: Any) -> str:
        """Call a tool that must fail and return what it says."""
        result = self.call(tool, **arguments)
        assert result["isError"], result
        text: str = result["content"][0]["text"]
        return text

    def texts(self, query: str, **arguments: Any) -> set[str]:
        return {hit["text"] for hit in self.get("recall", query=query, **arguments)["hits"]}

    def loaded(self) -> set[str]:
        """Which of the heavy packages have a library mapped into the server."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text("utf-8")
        heavy = ("numpy", "onnxruntime", "tokenizers", "apsw", "sklearn", "torch")
        return {name for name in heavy if f"/{name}/" in maps}

    def heaps(self) -> int:
        """How many heaps glibc made for single threads: 64 MB each, of which some can be used."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text("utf-8").splitlines()
        areas = [tuple(int(end, 16) for end in line.split()[0].split("-")) for line in maps]
        reserved = {areas[n][1] for n, line in enumerate(maps) if " ---p " in line}
        used = [areas[n][0] for n, line in enumerate(maps) if " rw-p " in line]
        size = 64 << 20
        return sum(start % size == 0 and start + size in reserved for start in used)


@pytest.fixture(scope="module", params=["2025-11-25", MODERN])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("shared"), request.param) as opened:
        yield opened


# ---------------------------------------------------------------------- every era


@pytest.mark.parametrize("version", [
    HANDSHAKES[0], *(pytest.param(between, marks=SLOW) for between in HANDSHAKES[1:3]),
    HANDSHAKES[3], MODERN,
])  # fmt: skip
def test_every_tool_answers_in_every_protocol_version(tmp_path: Path, version: str) -> None:
    with Server(tmp_path, version) as server:
        agreed = version if version != MODERN else None
        assert server.hello.get("protocolVersion") == agreed
        assert "recall" in server.hello["instructions"]
        names = [tool["name"] for tool in server.ask("tools/list")["result"]["tools"]]
        assert names == [spec.name for group in DEFAULT for spec in TOOLSETS[group]]
        stored = server.get("remember", content="The key lies in the blue folder.")
        assert server.get("recall", query="blue folder")["hits"][0]["id"] == stored["id"]
        server.get("set_fact", key="user.city", value="Ghent")
        assert server.get("get_facts")["facts"][0]["value"] == "Ghent"
        assert server.get("memory_status")["items"]["active"] == 1
        assert server.get("forget", ids=[stored["id"]])["forgotten"][0]["state"] == "archived"
        uri = f"memory://global/items/{stored['id']}"
        (item,) = server.ask("resources/read", {"uri": uri})["result"]["contents"]
        assert json.loads(item["text"])["state"] == "archived"
        prompts = server.ask("prompts/list")["result"]["prompts"]
        assert {prompt["name"] for prompt in prompts} == set(NEEDS)
        assert server.leave() == (0, b"", "")


@LINUX
@pytest.mark.parametrize("version", ["2025-11-25", pytest.param(MODERN, marks=SLOW)])
def test_tools_are_listed_before_anything_heavy_is_loaded(tmp_path: Path, version: str) -> None:
    with Server(tmp_path, version, ROUTEMEM_EMBEDDER="bundled") as server:
        server.ask("tools/list")
        server.ask("prompts/list")
        assert server.loaded() == set()
        server.get("remember", content="Mara is allergic to hazelnuts, not to other nuts.")
        server.get("remember", content="The old Volvo failed its inspection and was sold.")
        found = server.get("recall", query="What food could make her ill?")
        assert "hazelnuts" in found["hits"][0]["text"]
        assert server.loaded() == {"numpy", "onnxruntime", "tokenizers", "apsw"}
        assert server.leave() == (0, b"", "")


def test_the_list_of_tools_is_small(server: Server) -> None:
    listed = server.ask("tools/list")["result"]
    sent = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
    # The estimate errs upwards: of such schemas it says 3,281 where cl100k counts 2,469.
    assert estimate(sent) <= 3650  # some 2,750 by cl100k
    assert len(server.hello["instructions"].encode()) < 1500


# ---------------------------------------------------------------------- what comes in


def test_text_cut_inside_an_emoji_is_stored_with_a_mark_in_its_place(server: Server) -> None:
    line = {"name": "remember", "arguments": {"content": "cut \ud83d here"}}
    message = server.ask("tools/call", line)
    stored = message["result"]["structuredContent"]
    (hit,) = server.get("recall", ids=[stored["id"]])["hits"]
    assert hit["text"] == "cut \ufffd here"


def test_a_long_text_is_stored_whole_and_one_too_long_refused(server: Server) -> None:
    text = "The tide came in and went out again. " * 25_000
    stored = server.get("remember", content=text[:900_000], kind="doc")
    assert server.get("recall", ids=[stored["id"]], max_tokens=25_000)["hits"]
    said = server.refusal("remember", content=(text * 4)[:3_000_000])
    assert said.startswith("invalid_argument: content has 3,000,000 bytes, at most 1,048,576")
    assert server.get("memory_status")["items"]["active"] >= 1


def test_calls_at_the_same_time_are_all_answered(server: Server) -> None:
    sent = {}
    for number in range(10):
        bird = {"content": f"swallow number {number}", "tags": ["bird"]}
        sent[server.start("remember", **bird)] = "stored"
        sent[server.start("recall", query="swallow")] = "hits"
        sent[server.start("set_fact", key=f"swallow.{number}", value=number)] = "facts"
    answers: dict[int, dict[str, Any]] = {}
    while len(answers) < len(sent):
        message = server.receive()
        answers[message["id"]] = message["result"]
    assert answers.keys() == sent.keys()
    assert not [answer for answer in answers.values() if answer.get("isError")]
    assert len(server.texts("swallow", tags=["bird"], top_k=50)) == 10
    assert len(server.get("get_facts", keys=["swallow.*"], max_tokens=5000)["facts"]) == 10


@LINUX
def test_threads_that_are_called_at_once_share_one_heap(tmp_path: Path) -> None:
    with Server(tmp_path) as fresh:
        sent = {fresh.start("recall", query=f"swallow {number}") for number in range(8)}
        while sent:
            sent.discard(fresh.receive()["id"])
        assert fresh.heaps() == 0


def test_a_refused_call_says_what_to_do_and_the_next_one_is_served(server: Server) -> None:
    assert "did you mean 'query'" in server.refusal("recall", qeury="x")
    assert server.refusal("forget", ids=["zz-1"]).startswith("not_found: ")
    assert server.refusal("recall", query="x", scope="nobody").startswith("invalid_scope: ")
    assert server.get("memory_status")["scope"] == "global"


# ---------------------------------------------------------------------- several processes


def test_two_servers_see_each_others_changes_at_the_next_call(tmp_path: Path) -> None:
    with Server(tmp_path) as one, Server(tmp_path, MODERN) as two:
        assert two.texts("anchor") == set()
        stored = one.get("remember", content="the anchor is rusty")
        assert two.texts("anchor") == {"the anchor is rusty"}
        two.get("remember", content="the anchor is new", id=stored["id"])
        assert one.texts("anchor") == {"the anchor is new"}
        one.get("set_fact", key="anchor", value="new")
        assert two.get("get_facts", keys=["anchor"])["facts"][0]["value"] == "new"
        two.get("forget", ids=[stored["id"]], mode="delete")
        assert "the anchor is new" not in one.texts("anchor")  # the fact is found beside
        one.get("forget", ids=[stored["id"]], mode="restore")
        assert "the anchor is new" in two.texts("anchor")


def test_a_new_server_finds_everything_and_no_log_is_left(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        stored = server.get("remember", content="kept for later", key="later")
        server.get("set_fact", key="k", value=[1, {"a": None}])
        assert server.leave() == (0, b"", "")
    files = {path.name for path in (tmp_path / "data").iterdir()}
    assert not {name for name in files if name.endswith(("-wal", "-shm"))}
    with Server(tmp_path, MODERN) as server:
        assert server.get("recall", ids=["later"])["hits"][0]["id"] == stored["id"]
        assert server.get("get_facts")["facts"][0]["value"] == [1, {"a": None}]
        server.process.terminate()
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("version", [pytest.param("2025-11-25", marks=SLOW), MODERN])
def test_the_routing_toolset_answers_over_stdio_when_it_is_on(tmp_path: Path, version: str) -> None:
    with Server(tmp_path, version, ROUTEMEM_TOOLSETS="default,routing") as server:
        server.get("remember", content="Parcel 12 stands in aisle 3")
        assert server.get("explain_routing", query="parcel 12")["routing"]["mode"] == "exact"
        assert server.get("index_report")["index"]["passages"] == 1
        assert server.get("rebalance_index")["status"] == "dry_run"
        assert server.refusal("rebalance_index", action="adapt").startswith("conflict:")


@pytest.mark.parametrize("rounds", [3, pytest.param(12, marks=SLOW)])
def test_nothing_acknowledged_is_lost_when_servers_are_killed(
    tmp_path: Path, settings: Settings, rounds: int
) -> None:
    acknowledged: set[str] = set()
    for number in range(rounds):
        with Server(tmp_path, [MODERN, "2025-11-25"][number % 2]) as server:
            sent = {}
            for step in range(40):
                text = f"round {number} step {step}"
                sent[server.start("remember", content=text)] = text
            for _ in range(2 + 3 * number):  # and the rest are under way
                message = server.receive()
                acknowledged.add(sent[message["id"]])
            server.process.kill()
    with Scopes(replace(settings, data_dir=str(tmp_path / "data"))) as scopes:
        assert [text for text in acknowledged if not scopes.open().reading.lookup(text)] == []
    database = apsw.Connection(str(tmp_path / "data" / file_name("global")))
    assert list(database.execute("pragma integrity_check")) == [("ok",)]
    assert list(database.execute("insert into words(words) values('integrity-check')")) == []
    database.close()


# ---------------------------------------------------------------------- what it leaves and says


def test_every_call_leaves_one_audit_row_without_content(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        stored = server.get("remember", content="zanzibar memory")
        server.get("recall", query="zanzibar question")
        server.get("set_fact", key="k", value="zanzibar value")
        server.get("get_facts")
        server.refusal("forget", ids=["zz-1"])
        server.get("forget", ids=[stored["id"]], mode="purge", reason="zanzibar reason")
        server.get("memory_status")
        assert server.leave()[0] == 0
    database = apsw.Connection(str(tmp_path / "data" / file_name("global")))
    rows = list(database.execute("select * from audit"))
    database.close()
    calls = [row for row in rows if "forget:purge" not in row]
    tools = ["remember", "recall", "set_fact", "get_facts", "forget", "forget", "memory_status"]
    assert [next(cell for cell in row if cell in tools) for row in calls] == tools
    assert "zanzibar" not in repr(rows)


def test_the_log_holds_no_content_even_at_its_loudest(tmp_path: Path) -> None:
    with Server(tmp_path, ROUTEMEM_LOG_LEVEL="debug") as server:
        server.get("remember", content="zanzibar memory")
        server.get("recall", query="zanzibar question")
        server.refusal("recall", query="zanzibar", sinse="zanzibar")
        server.refusal("recall", query="zanzibar", since="zanzibar")
        server.send_line(b'{"zanzibar')
        assert server.receive()["error"]
        code, out, said = server.leave()
    assert (code, out) == (0, b"")
    assert "zanzibar" not in said
    assert said  # the refused line at least


@pytest.mark.parametrize(
    ("flags", "code", "named"),
    [
        (["--toolsets", "everything"], "invalid_argument", "memory, facts"),
        (["--tools", "recal"], "invalid_argument", "recall"),
        (["--tools", "remember", "--read-only"], "invalid_argument", "--read-only"),
        (["--scope", "nobody"], "invalid_scope", "user:<id>"),
        (["--log-level", "loud"], "invalid_argument", "WARNING"),
        (["--data-dir", "FILE/data"], "storage_error", "--data-dir"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_cannot_work_are_told_at_once_and_not_on_stdout(
    tmp_path: Path, refused: Callable[..., str], flags: list[str], code: str, named: str
) -> None:
    (tmp_path / "file").touch()
    said = refused("serve", *(flag.replace("FILE", str(tmp_path / "file")) for flag in flags))
    assert said.startswith(f"routemem: {code}: ")
    assert named in said
    assert said.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_client_that_never_calls_leaves_nothing_behind(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.ask("tools/list")
        assert server.leave() == (0, b"", "")
    assert list(tmp_path.iterdir()) == []
