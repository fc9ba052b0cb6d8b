"""Routing Memory's thirteen experiments with the same definitions."""

from pathlib import Path

#: Runs their package (`benchmarks.theirs`).
DRIVER = Path(__file__).parent / "driver.py"
