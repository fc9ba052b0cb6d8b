"""The toolset `routing`, as a client sees it."""

import itertools
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from asking import call, told
from mcp import Client

from routemem.memory_core import Scopes, Settings
from routemem.memory_core.routing import build
from routemem.server.app import build_server, chosen_tools, instructions

pytestmark = pytest.mark.anyio
TOOLS = {"explain_routing", "rebalance_index", "index_report"}
MANY = "\n".join(f"Parcel {number} stands in aisle {number % 97}." for number in range(400))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one packed scope."""
    folder = tmp_path_factory.mktemp("packed")
    with Scopes(small(Settings(data_dir=str(folder), embedder="hash", keyring=False))) as scopes:
        scopes.open().remember(MANY, kind="doc")
        while scopes.open().upkeep.backfill(64):
            pass
        assert scopes.open().index.run("build")
    return folder


@pytest.fixture
def packed(template: Path, settings: Settings) -> Settings:
    """Settings of a server on a copy of it."""
    shutil.copytree(template, settings.data_path())
    return small(settings)


def small(settings: Settings) -> Settings:
    return replace(
        settings, flat_until=100, chunk_pieces=20, chunk_overlap=0, toolsets=("default", "routing")
    )


@pytest.fixture
async def client(packed: Settings) -> AsyncIterator[Client]:
    async with Client(build_server(packed)) as client:
        yield client


def test_the_toolset_is_off_unless_asked_for(settings: Settings) -> None:
    names = {spec.name for spec in chosen_tools(settings)}
    assert not names & TOOLS
    assert "index_report" not in instructions(names)
    more = {spec.name for spec in chosen_tools(replace(settings, toolsets=("default", "routing")))}
    assert more - names == TOOLS
    assert "index_report" in instructions(more)
    reads = chosen_tools(replace(settings, toolsets=("routing",), read_only=True))
    assert {spec.name for spec in reads} == TOOLS - {"rebalance_index"}


async def test_a_question_is_explained_and_leaves_no_trace(
    client: Client, packed: Settings
) -> None:
    routing = (await call(client, "explain_routing", query="parcel 12"))["routing"]
    assert routing["mode"] == "routed"
    assert routing["confidence"] == pytest.approx(1 / (1 + routing["qerr"]), abs=1e-3)
    assert {"margin", "centroid", "probed", "scanned", "reranked", "in_drift"} <= routing.keys()
    assert routing["calibrated"]["target"] == 0.99
    assert routing["calibrated"]["recall"] >= 0.99
    assert "confidence" in await told(client, "explain_routing", query="parcel 12")
    async with Client(build_server(packed)) as other:
        for _ in range(3):
            await call(other, "explain_routing", query="parcel 12")
    with Scopes(packed) as scopes:
        memory = scopes.look()
        (hit,) = memory.recall("parcel 12", top_k=1).hits
        found = memory.find(hit.id)
        assert found
        assert found.access_count == 0
        assert len(memory.store.queries()) == 0


async def test_the_report_agrees_with_numpy(client: Client, packed: Settings) -> None:
    index = (await call(client, "index_report", buckets=3))["index"]
    (place,) = packed.data_path().glob("*.index/0*")
    assert index == (await call(client, "memory_status", detail="full"))["detail"]["index"] | {
        "widest": index["widest"]
    }
    resource = await client.read_resource("memory://global/index")
    stated = json.loads(resource.contents[0].text)  # type: ignore[union-attr]  # it is text
    assert {name: stated[name] for name in ("buckets", "hot_bytes", "dead_codes")} == {
        name: index[name] for name in ("buckets", "hot_bytes", "dead_codes")
    }
    centroids = np.fromfile(place / "centroids.bin", np.float32).reshape(index["buckets"], -1)
    ids = np.fromfile(place / "ids.bin", np.uint32).reshape(-1, 8)
    offsets = np.fromfile(place / "offsets.bin", np.uint32)
    rows = np.fromfile(place / "rows.bin", np.float16).reshape(-1, centroids.shape[1])
    sizes = np.array(
        [np.count_nonzero(ids[a:b] != 2**32 - 1) for a, b in itertools.pairwise(offsets)]
    )
    assert sizes.sum() == index["passages"] == len(rows)
    assert index["dead_codes"] == np.count_nonzero(sizes == 0)
    pairs = np.abs(sizes[:, None] - sizes[None]).sum()  # Gini by its definition, over all pairs
    assert index["gini"] == pytest.approx(pairs / (2 * len(sizes) * sizes.sum()), abs=1e-3)
    cold = ("keys", "rows", "row_scales", "centroids")
    files = {path.stem: path.stat().st_size for path in place.glob("*.bin")}
    assert index["cold_bytes"] == sum(files[name] for name in cold)
    packed_bytes = sum(size for name, size in files.items() if name not in cold)
    assert packed_bytes <= index["hot_bytes"] <= packed_bytes + 9_000  # an empty delta
    assert index["dense_bytes"] == len(rows) * centroids.shape[1] * 4
    worst = index["widest"][0]
    members = np.concatenate(
        [rows[ids[a:b][ids[a:b] != 2**32 - 1]] for a, b in [offsets[worst["bucket"] :][:2]]]
    ).astype(np.float32)
    members /= np.linalg.norm(members, axis=1)[:, None]
    spread = (1 - members @ centroids[worst["bucket"]]) ** 2
    assert worst["size"] == len(members)
    assert worst["variance"] == pytest.approx(float(spread.mean()), abs=1e-3)


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(client: Client) -> None:
    before = (await call(client, "index_report"))["index"]
    for action, more in (("auto", {}), ("build", {}), ("adapt", {"force": True})):
        out = await call(client, "rebalance_index", action=action, **more)
        assert out["status"] == "dry_run"
        assert out["index"] == before
    out = await call(client, "rebalance_index", action="split", bucket=0)
    assert out["plan"]["splits"] == [0]
    said = await told(client, "rebalance_index", action="adapt", force=True)
    assert "Nothing was changed" in said
    assert (await call(client, "index_report"))["index"] == before


async def test_a_bucket_is_split_with_progress_and_everything_stays_found(
    client: Client, packed: Settings
) -> None:
    heard: list[str] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    before = (await call(client, "index_report", buckets=1))["index"]
    widest = before["widest"][0]["bucket"]
    arguments = {"action": "split", "bucket": widest, "dry_run": False}
    result = await client.call_tool("rebalance_index", arguments, progress_callback=progress)
    assert not result.is_error, result.content
    out = result.structured_content
    assert isinstance(out, dict)
    assert out["status"] == "built"
    assert out["done"]["splits"] == 1
    assert out["done"]["moved"] > 0
    assert out["index"]["buckets"] == before["buckets"] + 1
    assert out["index"]["passages"] == before["passages"]
    assert (out["index"]["generation"], out["index"]["edition"]) == (before["generation"], 1)
    assert heard[0] == "vectors exported"
    found = await call(client, "recall", query="parcel 123", top_k=1)
    assert "Parcel 123 " in found["hits"][0]["text"]
    async with Client(build_server(packed)) as other:
        assert (await call(other, "index_report"))["index"]["buckets"] == before["buckets"] + 1


async def test_what_cannot_be_done_is_refused_with_the_next_step(
    client: Client, settings: Settings
) -> None:
    for arguments, part in (
        ({"action": "split"}, "bucket"),
        ({"action": "build", "bucket": 3}, "bucket"),
        ({"action": "split", "bucket": 9999}, "Expected a bucket of 0 to"),
        ({"action": "melt"}, "auto"),
    ):
        result = await client.call_tool("rebalance_index", arguments | {"dry_run": False})
        assert result.is_error
        assert part in str(result.content)
    apart = replace(small(settings), data_dir=settings.data_dir + "-2")
    async with Client(build_server(apart)) as other:
        result = await other.call_tool("rebalance_index", {"action": "adapt"})
        assert result.is_error
        assert "conflict" in str(result.content)
        assert "No vectors yet." == await told(other, "index_report")
        assert (await call(other, "explain_routing", query="x"))["routing"]["mode"] == "empty"
        out = await call(other, "rebalance_index", dry_run=False)
        assert out["status"] == "nothing"


async def test_a_cancelled_rebalance_ends_its_child_and_changes_nothing(
    client: Client, packed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (await call(client, "index_report"))["index"]
    started, children = anyio.Event(), []
    start = build.start

    def noted(job: build.Job, place: Path) -> Any:
        children.append(start(job, place))
        anyio.from_thread.run_sync(started.set)
        return children[-1]

    monkeypatch.setattr(build, "start", noted)
    async with anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "rebalance_index", {"action": "build", "dry_run": False})
        with anyio.fail_after(20):
            await started.wait()
        group.cancel_scope.cancel()
    with anyio.fail_after(20):
        while children[0].poll() is None:
            await anyio.sleep(0.02)
    assert children[0].returncode != 0
    assert (await call(client, "index_report"))["index"] == before
    assert not list(packed.data_path().glob("*.index/*.partial"))
