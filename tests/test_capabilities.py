"""Every capability names tests that exist."""

import ast
import tomllib
from functools import cache
from typing import Any

import pytest
from checkout import ROOT

MAP: dict[str, Any] = tomllib.loads((ROOT / "tests" / "capabilities.toml").read_text("utf-8"))
NAMED = sorted({test for row in MAP.values() for test in row["tests"]})


@cache
def names_in(file: str) -> set[str]:
    """Names of the test functions at the top of a file."""
    path = ROOT / file
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module([], [])
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("test", NAMED)
def test_a_named_test_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert name.startswith("test_")
    assert name in names_in(file), f"{file} has no {name}"


@pytest.mark.parametrize("number", MAP)
def test_a_capability_has_a_sentence_and_tests(number: str) -> None:
    row = MAP[number]
    assert number.isdecimal()
    assert row.keys() == {"what", "tests"}
    assert row["what"].endswith(".")
    assert len(set(row["tests"])) == len(row["tests"]) > 0


def test_capabilities_stand_in_order_and_once() -> None:
    numbers = [int(number) for number in MAP]
    assert numbers == sorted(set(numbers))
