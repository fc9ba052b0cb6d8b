"""The server from outside: start, memory, size of the tool list, time of a call.

    python -m benchmarks.server [--items 500 5000] [--starts 7] [--out FILE]

Everything runs over real stdio on a temporary data folder. The bare SDK server of
``benchmarks/bare_server.py`` is measured in the same run; ratios to it are what counts.
"""

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

from .stdio_client import StdioClient
from .texts import document, memory, question

HERE = Path(__file__).parent
OURS = [sys.executable, "-m", "routemem.server", "serve"]
BARE = [sys.executable, str(HERE / "bare_server.py")]


def environment(folder: str) -> dict[str, str]:
    """A data folder of its own; no keyring."""
    return {
        "ROUTEMEM_DATA_DIR": f"{folder}/data",
        "ROUTEMEM_KEY_DIR": f"{folder}/key",
        "ROUTEMEM_KEYRING": "off",
    }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile and largest, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(statistics.median(ordered) * 1000, 2),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))] * 1000, 2),
        "max_ms": round(ordered[-1] * 1000, 2),
    }


def measure_start(starts: int) -> dict[str, Any]:
    """Spawn to tools/list answered, ours and bare in turn; then our first call."""
    wall: dict[str, list[float]] = {"ours": [], "bare": [], "first_call": []}
    cpu: dict[str, list[float]] = {"ours": [], "bare": []}
    listing = ""
    for number in range(starts + 1):
        for name, command in (("bare", BARE), ("ours", OURS)):
            with tempfile.TemporaryDirectory() as folder:
                client = StdioClient(command, environment(folder))
                tools = client.request("tools/list", {})["tools"]
                took, used = time.perf_counter() - client.spawned, client.cpu()
                first = 0.0
                if name == "ours":
                    listing = compact({"tools": tools})
                    start = time.perf_counter()
                    client.call("remember", content="The first thing ever said.")
                    first = time.perf_counter() - start
                client.close()
            if number == 0:
                continue  # the first round warms the disk cache
            wall[name].append(took)
            cpu[name].append(used)
            if name == "ours":
                wall["first_call"].append(first)
    ratios = [a / b for a, b in zip(wall["ours"], wall["bare"], strict=True)]
    return {
        "bare_wall": percentiles(wall["bare"]),
        "ours_wall": percentiles(wall["ours"]),
        "ours_over_bare": round(statistics.median(ratios), 3),
        "bare_cpu_s": statistics.median(cpu["bare"]),
        "ours_cpu_s": statistics.median(cpu["ours"]),
        "first_call": percentiles(wall["first_call"]),
        "tools_list": {"characters": len(listing), **tokens(listing)},
    }


def tokens(text: str) -> dict[str, int]:
    """Exact token counts where tiktoken's vocabulary is on this disk, else our estimate."""
    from routemem.memory_core.text.tokens import estimate

    counts = {"estimate": estimate(text)}
    try:
        import tiktoken

        for name in ("cl100k_base", "o200k_base"):
            counts[name] = len(tiktoken.get_encoding(name).encode(text))
    except Exception:  # no vocabulary and no network: the estimate must do
        pass
    return counts


def compact(value: Any) -> str:
    """JSON as it goes over the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def measure_calls(client: StdioClient, stored: int, upto: int) -> dict[str, Any]:
    """Fill to a number of items; time the last 200 remembers and then 200 recalls."""
    times: list[float] = []
    used = client.cpu()
    for number in range(stored, upto):
        if number == max(stored, upto - 200):
            times, used = [], client.cpu()
        start = time.perf_counter()
        client.call("remember", content=memory(number))
        times.append(time.perf_counter() - start)
    remember_cpu = (client.cpu() - used) / len(times)
    recalls, used, found = [], client.cpu(), 0
    for number in range(200):
        target = (number * 7919) % upto
        start = time.perf_counter()
        answer = client.call("recall", query=question(target))
        recalls.append(time.perf_counter() - start)
        found += any(str(target) in hit["text"].split() for hit in answer["hits"][:5])
    return {
        "items": upto,
        "remember": percentiles(times),
        "remember_cpu_ms": round(remember_cpu * 1000, 2),
        "recall": percentiles(recalls),
        "recall_cpu_ms": round((client.cpu() - used) / len(recalls) * 1000, 2),
        "hit_at_5": found / len(recalls),
        "rss_mb": client.rss(),
    }


async def measure_python_client(folder: str, upto: int) -> dict[str, Any]:
    """The same calls through the SDK's own Python client."""
    remembers, recalls = [], []
    server = StdioServerParameters(command=OURS[0], args=OURS[1:], env=environment(folder))
    async with Client(server) as client:
        await client.call_tool("recall", {"query": "warm up"})
        for number in range(100):
            start = time.perf_counter()
            await client.call_tool("remember", {"content": memory(upto + number)})
            remembers.append(time.perf_counter() - start)
        for number in range(100):
            start = time.perf_counter()
            await client.call_tool("recall", {"query": question(number * 31 % upto)})
            recalls.append(time.perf_counter() - start)
    return {"items": upto, "remember": percentiles(remembers), "recall": percentiles(recalls)}


def main() -> None:
    """Measure, print and write the results."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--items", type=int, nargs="+", default=[500, 5000])
    options.add_argument("--starts", type=int, default=7)
    options.add_argument("--out", default=str(HERE / "results" / "server.json"))
    given = options.parse_args()

    results: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "python": platform.python_version()},
        "start": measure_start(given.starts),
        "calls": [],
        "python_client": [],
    }
    show("start", results["start"])
    with tempfile.TemporaryDirectory() as folder:
        stored = 0
        for upto in given.items:
            client = StdioClient(OURS, environment(folder))
            client.request("tools/list", {})
            results["calls"].append(measure_calls(client, stored, upto))
            show(f"raw client, {upto} items", results["calls"][-1])
            if upto == given.items[0]:
                results["rss"] = measure_memory(client)
                show("resident memory", results["rss"])
            assert client.close() == 0
            stored = upto
            results["python_client"].append(anyio.run(measure_python_client, folder, upto))
            show(f"Python client, {upto} items", results["python_client"][-1])
    Path(given.out).write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def measure_memory(client: StdioClient) -> dict[str, Any]:
    """After 500 memories, 100 and more recalls: one long document, embedded to its end."""
    client.call("remember", content=document(160_000), kind="doc")
    while client.call("memory_status", detail="full")["detail"]["waiting"]:
        time.sleep(0.2)
    return {"after_document_mb": client.rss()}


def cpu_name() -> str:
    """The processor as Linux names it."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def show(name: str, figures: dict[str, Any]) -> None:
    """Print one group of figures."""
    print(f"\n{name}")
    for key, value in figures.items():
        print(f"  {key}: {value}")


if __name__ == "__main__":
    main()
