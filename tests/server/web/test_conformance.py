"""The protocol's official conformance suite, in both eras of the protocol."""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from http_server import local_server, new_token
from node import new_node, npm_package

SUITE = "@modelcontextprotocol/conformance"
#: The release asks in the era of the handshake; what asks without one is not released yet.
HANDSHAKE = ("0.1.16", "--suite", "active")
STATELESS = ("0.2.0-alpha.12", "--requirements", "2026-07-28")
ABSENT = Path(__file__).parent / "conformance_absences.yml"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("suite", [HANDSHAKE, STATELESS], ids=["handshake", "stateless"]),
]


def examine(url: str, suite: tuple[str, ...], *more: str) -> str:
    """What the suite says of a server; it must be content."""
    release, *chosen = suite
    program = npm_package(SUITE, release) / "dist" / "index.js"
    done = subprocess.run(
        [new_node(), str(program), "server", "--url", f"{url}/mcp", *chosen, *more],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def fixtures() -> Path:
    """The folder of the SDK's fixtures, out of the source of the very release that is installed."""
    release = version("mcp")
    folder = Path(tempfile.gettempdir()) / f"routemem-mcp-{release}"
    source = folder / f"mcp-{release}" / "examples" / "servers" / "everything-server"
    if not source.exists():
        folder.mkdir(exist_ok=True)
        fetch = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
        done = subprocess.run(
            [sys.executable, "-m", "pip", *fetch, f"mcp=={release}"],
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            pytest.skip(f"the SDK's source cannot be had: {done.stderr[-300:]}")
        with tarfile.open(folder / f"mcp-{release}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return source


@pytest.fixture(scope="module")
def everything(fixtures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of our server class with the suite's fixtures."""
    program = Path(__file__).parents[2] / "support" / "everything.py"
    folder = tmp_path_factory.mktemp("everything")
    command = [sys.executable, str(program), str(fixtures), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


def test_our_server_class_passes_everything_that_is_scored(
    everything: str, suite: tuple[str, ...]
) -> None:
    said = examine(everything, suite)
    scored = said.partition("Not scored for")[0].partition("=== SUMMARY ===")[2]
    assert scored.count("✓ ") >= 30


def test_the_product_passes_but_for_what_it_does_not_offer(
    tmp_path: Path, suite: tuple[str, ...]
) -> None:
    token = new_token(tmp_path, "suite", "user:suite")
    limits = {"ROUTEMEM_HTTP_RATE": "1000000", "ROUTEMEM_HTTP_BURST": "1000000"}
    limits["ROUTEMEM_HTTP_SHARE"] = "100"  # the suite leaves its sessions open
    with local_server(tmp_path, bearer=token, **limits) as server:
        examine(server.url, suite, "--expected-failures", str(ABSENT))
