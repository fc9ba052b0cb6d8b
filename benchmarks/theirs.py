"""Runs the code of an earlier system: in a process of its own, from a folder outside this project.

The folder is given by the reader (``--theirs``): a checkout, or what
``pip install --no-deps --target FOLDER`` made. Without it a table shows claim and ours.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def ask(
    driver: Path, folder: Path | None, arrays: Mapping[str, NDArray[Any]], **job: Any
) -> dict[str, Any] | None:
    """Have a driver do a job with their code.

    Args:
        driver: program that knows their package; it is given a folder with ``job.json`` and one
            ``.npy`` per array, and leaves ``answer.json`` there.
        folder: their package is imported from here; None: nothing is run.
        arrays: by name.
        job: plain values.

    Returns:
        The answer; None without a folder.

    Raises:
        RuntimeError: their code failed; the text is the end of what it said.
    """
    if folder is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        for label, array in arrays.items():
            np.save(place / f"{label}.npy", array)
        (place / "job.json").write_text(json.dumps(job))
        done = subprocess.run(
            [sys.executable, str(driver), str(place)],
            cwd=place,
            env=os.environ | {"PYTHONPATH": str(folder.resolve())},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(f"{folder.name} failed: {done.stderr.strip()[-800:]}")
        answer: dict[str, Any] = json.loads((place / "answer.json").read_text())
        return answer
