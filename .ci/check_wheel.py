"""A wheel holds the package, its model and its licences, and nothing else."""

import os
import shlex
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path


def has_compiler() -> bool:
    """Whether the kernel could be built here: a wheel without it has the same name."""
    command = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[:1]
    try:
        subprocess.run([*command, "--version"], capture_output=True, check=True)  # noqa: S603  # CC
    except (OSError, subprocess.CalledProcessError):
        return False
    return (Path(sysconfig.get_path("include")) / "Python.h").exists()


with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = wheel.namelist()
strays = [n for n in names if not n.startswith(("routemem/", "routemem-"))]
unwanted = [n for n in names if n.endswith((".c", ".h")) or "/tests/" in n or "__pycache__" in n]
needed = [
    "routemem/memory_core/embedding/minilm/model.onnx",
    "routemem/memory_core/embedding/minilm/tokenizer.json",
    "routemem/memory_core/py.typed",
    "routemem/server/py.typed",
    "routemem/prompts/py.typed",
    "routemem/prompts/memory_guide.md",
]
missing = [n for n in needed if n not in names]
kernels = [n for n in names if n.startswith("routemem/memory_core/routing/_kernel.")]
if not kernels and has_compiler():
    missing.append("routemem/memory_core/routing/_kernel")
licences = [n for n in names if n.endswith(("licenses/LICENSE", "licenses/NOTICE"))]
if strays or unwanted or missing or len(licences) != 2:
    sys.exit(f"strays {strays[:9]} unwanted {unwanted[:9]} missing {missing} licences {licences}")
kind = "with the compiled kernel" if kernels else "without a compiled kernel (no compiler here)"
print(f"{len(names)} files, all under routemem/, {kind}")
