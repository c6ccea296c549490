"""The table of rules and regimes in the documents: every test that it names is there, every regime has a column."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.regimes import names

ROOT = Path(__file__).parents[3]
TESTS = ROOT / "tests" / "integration" / "licensing" / "regimes"
RULE = "| rule |"


def table() -> list[list[str]]:
    lines = (ROOT / "docs" / "licensing" / "regimes.md").read_text().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(RULE))
    end = next(index for index in range(start, len(lines)) if not lines[index].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]


def functions_of(file: str) -> set[str]:
    """Return the tests that pytest would find in a file."""
    return {
        node.name
        for node in ast.parse((TESTS / file).read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


HEAD, _, *ROWS = table()
NAMED = {name for row in ROWS for cell in row[1:] for name in re.findall(r"`([\w.]+::\w+)`", cell)}


def test_every_regime_has_a_column_and_no_column_is_of_a_regime_that_is_not_there() -> None:
    assert sorted(re.findall(r"`([^`]+)`", " ".join(HEAD))) == names()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_cell_names_tests_or_says_why_there_are_none(row: list[str]) -> None:
    assert len(row) == len(HEAD)
    for cell in row[1:]:
        assert re.fullmatch(r"- \w.*|`\S+\.py::test_\w+`(<br>`\S+\.py::test_\w+`)*", cell), cell


def test_every_rule_is_shown_for_some_regime() -> None:
    assert [row[0] for row in ROWS if all(cell.startswith("- ") for cell in row[1:])] == []


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_test_that_the_table_names_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert function in functions_of(file)


def test_every_test_of_the_regimes_is_in_the_table() -> None:
    there = {f"{path.name}::{name}" for path in TESTS.glob("test_*.py") for name in functions_of(path.name)}
    assert there - NAMED == set()
