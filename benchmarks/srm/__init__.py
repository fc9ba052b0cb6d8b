"""Semantic Routing Memory's benchmarks with the same data generators and definitions."""

from pathlib import Path

#: Runs their code (`benchmarks.theirs`).
DRIVER = Path(__file__).parent / "driver.py"
