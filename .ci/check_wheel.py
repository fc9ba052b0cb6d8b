"""A wheel holds the package, its model and its licences, and nothing else."""

import sys
import zipfile

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
licences = [n for n in names if n.endswith(("licenses/LICENSE", "licenses/NOTICE"))]
if strays or unwanted or missing or len(licences) != 2:
    sys.exit(f"strays {strays[:9]} unwanted {unwanted[:9]} missing {missing} licences {licences}")
print(f"{len(names)} files, all under routemem/")
