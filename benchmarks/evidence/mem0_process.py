"""mem0 in a process of its own, run by a Python that has it: JSON lines in, JSON lines out.

    python mem0_process.py FOLDER ADDRESS

``{"add": text}`` answers the ids of what was stored, ``{"ask": text}`` those of 50 hits. Without a
language model (``infer=False``); vectors from the server at the address, Qdrant in the folder.
"""

import json
import os
import sys

os.environ |= {"MEM0_TELEMETRY": "False", "OPENAI_API_KEY": "none", "MEM0_DIR": sys.argv[1]}

from mem0 import Memory  # type: ignore[import-not-found]  # in the Python that runs this

memory = Memory.from_config(
    {
        "embedder": {
            "provider": "openai",
            "config": {"openai_base_url": sys.argv[2], "model": "minilm", "embedding_dims": 384},
        },
        "vector_store": {
            "provider": "qdrant",
            "config": {"path": sys.argv[1] + "/qdrant", "embedding_model_dims": 384},
        },
        "history_db_path": sys.argv[1] + "/history.db",
    }
)
for line in sys.stdin:
    said = json.loads(line)
    if "add" in said:
        found = memory.add(said["add"], user_id="u", infer=False)
    else:
        found = memory.search(said["ask"], filters={"user_id": "u"}, top_k=50, threshold=0.0)
    print(json.dumps([one["id"] for one in found["results"]]), flush=True)
