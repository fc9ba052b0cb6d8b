"""Every capability names tests that exist."""

import ast
import tomllib
from functools import cache
from typing import Any

from checkout import ROOT

MAP: dict[str, Any] = tomllib.loads((ROOT / "tests" / "capabilities.toml").read_text("utf-8"))


@cache
def names_in(file: str) -> set[str]:
    """Names of the test functions at the top of a file."""
    path = ROOT / file
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_named_test_exists() -> None:
    for test in {test for row in MAP.values() for test in row["tests"]}:
        file, _, name = test.partition("::")
        assert name.startswith("test_")
        assert name in names_in(file), f"{file} has no {name}"


def test_every_capability_has_a_sentence_and_tests() -> None:
    for number, row in MAP.items():
        assert number.isdecimal()
        assert row.keys() == {"what", "tests"}, number
        assert row["what"].endswith("."), number
        assert len(set(row["tests"])) == len(row["tests"]) > 0, number


def test_capabilities_stand_in_order_and_once() -> None:
    numbers = [int(number) for number in MAP]
    assert numbers == sorted(set(numbers))
