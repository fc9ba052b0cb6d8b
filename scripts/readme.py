"""Write the generated tables of README.md, or with --check say which are out of date.

Between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` stand: tools, settings, commands,
dependencies.
"""

import re
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

from routemem.memory_core.settings import Settings, env_name
from routemem.server.app import TOOLSETS
from routemem.server.calls import Calls
from routemem.server.cli import COMMANDS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

#: Dependency -> why, and megabytes of site-packages it adds with what only it needs; 6 more are
#: shared between them, 28 are ours, most of it the model.
WHY = {
    "apsw": ("SQLite with FTS5, the same on every platform", 11),
    "cryptography": ("AES-GCM for the undo copies of deleted memories; `mcp` needs it too", 17),
    "jsonschema": ("checks a bundle before it is imported; `mcp` needs it too", 4),
    "keyring": ("the key for them, where the system has a keyring; imported late", 2),
    "mcp": ("the protocol, with starlette and uvicorn", 5),
    "numpy": ("vectors", 71),
    "onnxruntime": ("runs the embedding model, without torch", 72),
    "platformdirs": ("where data belongs on each system", 0),
    "pydantic": ("tool schemas; `mcp` needs it too", 10),
    "scikit-learn": ("k-means of the routing index, in a child process only (with scipy)", 199),
    "tiktoken": ("exact token counts when its vocabulary is already on disk", 10),
    "tokenizers": ("word pieces of the model", 38),
}


def tools() -> str:
    """A row a tool: name, whether it changes anything, its first sentence."""
    calls = Calls(Settings())
    rows = ["| tool | set | changes | what it is for |", "|---|---|---|---|"]
    for toolset, specs in TOOLSETS.items():
        for spec in specs:
            said = " ".join((spec.make(calls).__doc__ or "").split()).split(". ")[0].rstrip(".")
            does = "no" if spec.reads_only else "yes"
            rows.append(f"| `{spec.name}` | {toolset} | {does} | {said}. |")
    return "\n".join(rows)


def settings() -> str:
    """A row a setting."""
    rows = ["| setting | default | unit | what and why |", "|---|---|---|---|"]
    for spec in fields(Settings):
        flag = f"`--{spec.name.replace('_', '-')}`, " if spec.metadata["flag"] else ""
        default = ",".join(spec.default) if isinstance(spec.default, tuple) else spec.default
        shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        shown = shown if shown != "``" else ""
        rows.append(
            f"| {flag}`{env_name(spec.name)}` | {shown} | {spec.metadata['unit']} | "
            f"{spec.metadata['why']} |"
        )
    return "\n".join(rows)


def commands() -> str:
    """A row a command."""
    rows = ["| command | what it does |", "|---|---|"]
    rows += [f"| `routemem {name}` | {does} |" for name, (_, does) in COMMANDS.items()]
    return "\n".join(rows)


def dependencies() -> str:
    """A row a dependency of the default install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    rows = ["| dependency | MB | why |", "|---|---|---|"]
    for line in project["dependencies"]:
        name = re.split(r"[<>=]", line)[0]
        why, size = WHY[name]
        rows.append(f"| {name} | {size} | {why} |")
    return "\n".join(rows)


BLOCKS = {"tools": tools, "settings": settings, "commands": commands, "dependencies": dependencies}


def filled(text: str) -> str:
    """The README with every block made anew."""
    for name, make in BLOCKS.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"README.md has no block {name!r}")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text


def main() -> int:
    """Write or check."""
    text = README.read_text("utf-8")
    fresh = filled(text)
    if "--check" in sys.argv:
        if fresh != text:
            print("README.md is out of date: python scripts/readme.py", file=sys.stderr)
        return int(fresh != text)
    README.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
