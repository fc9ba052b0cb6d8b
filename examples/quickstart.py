"""The library in one file: remember, recall, facts with history, forgetting.

python examples/quickstart.py
"""

import tempfile
from pathlib import Path

from routemem.memory_core import Memory


def main() -> None:
    """Keep a small memory, close it, and open it again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ann.db"

        with Memory.open(path) as memory:
            memory.remember("Ann is allergic to hazelnuts, not to other nuts.", tags=["health"])
            memory.remember("The tide model was rewritten because a run took nine hours.")
            memory.set_fact("ann.city", "Lisbon", valid_from="2019-09")
            memory.set_fact("ann.city", "Ghent", valid_from="2025-01")

        with Memory.open(path) as memory:  # another process, another day
            found = memory.recall("What food could make her ill?")
            print(found.hits[0].text)
            assert "hazelnuts" in found.hits[0].text

            print("now", memory.get_fact("ann.city"))
            (then,) = memory.get_facts(["ann.city"], as_of="2021-05")
            print("in May 2021", then.value)
            assert (memory.get_fact("ann.city"), then.value) == ("Ghent", "Lisbon")

            memory.forget([found.hits[0].id])
            assert not memory.recall("food", tags=["health"]).hits
            memory.forget([found.hits[0].id], mode="restore")
            assert memory.recall("food", tags=["health"]).hits


if __name__ == "__main__":
    main()
