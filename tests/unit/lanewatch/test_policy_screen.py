"""How faults of conditions are pointed at on a terminal."""

import json
from pathlib import Path

import pytest

from lanewatch import rulebooks
from lanewatch.policy_screen import WIDTH, pointed
from lanewatch.rulebooks import RulebookAtFault
from tests.support.rules import document, rule


@pytest.mark.parametrize(
    "text, column, shown, caret",
    [
        ("a && b", 6, "a && b", "     ^"),
        ("1 +", 4, "1 +", "   ^"),
        ("\ta.b", 4, " a.b", "   ^"),
        ("'\u6f22' < 1", 5, "'\u6f22' < 1", "     ^"),
        ("\x1b[31m x", 7, " [31m x", "      ^"),
    ],
)
def test_a_caret_stands_below_its_column(text: str, column: int, shown: str, caret: str) -> None:
    assert pointed(text, column) == (shown, caret)


@pytest.mark.parametrize("column", [1, 50, 400, 990, 1000, 1001])
def test_a_long_line_is_cut_around_its_fault(column: int) -> None:
    text = "".join(chr(ord("a") + number % 26) for number in range(1000))
    shown, caret = pointed(text, column)
    assert len(shown) <= WIDTH + 2
    assert shown[len(caret) - 1 :][:1] == text[column - 1 : column]


def faults_of(tmp_path: Path, *rules: dict[str, object]) -> tuple[rulebooks.Fault, ...]:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(document(*rules)))
    with pytest.raises(RulebookAtFault) as caught:
        rulebooks.read(file)
    return caught.value.faults


def test_every_fault_has_the_line_that_it_is_in(tmp_path: Path) -> None:
    found = faults_of(
        tmp_path,
        rule("true &&\n\tline.mass > 1", "a"),
        rule("true", "b", says="of {line.mass}"),
        rule("true\n&& (", "c"),
    )
    assert [(each.pointer, each.line, each.column, each.text) for each in found] == [
        ("/rules/0/when", 2, 7, "\tline.mass > 1"),
        ("/rules/1/says", 1, 10, "of {line.mass}"),
        ("/rules/2/when", 2, 5, "&& ("),
    ]


def test_a_fault_of_all_rules_together_has_no_line(tmp_path: Path) -> None:
    dear = " || ".join("line.quotas.exists(q, q.days_left > 1)" for _ in range(4))
    (found,) = faults_of(tmp_path, *(rule(dear, f"r{n}") for n in range(300)))
    assert (found.pointer, found.text) == ("/rules", "")
    assert "steps together" in found.detail


def test_a_fault_of_the_contract_is_told_by_its_pointer(tmp_path: Path) -> None:
    (found,) = faults_of(tmp_path, rule("true", "a", effect="drop"))
    assert (found.pointer, found.line) == ("/rules/0/effect", None)
