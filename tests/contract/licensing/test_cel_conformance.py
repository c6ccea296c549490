import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.licensing.domain.monitoring.translated import function_of
from shared.cel.checked import Checked, Scope
from shared.cel.checking import check, scope_of
from shared.cel.faults import RuleFailed, RuleFault
from shared.cel.kinds import BOOL, DURATION, INT, STRING, TIMESTAMP, Kind
from shared.cel.syntax import parse

pytestmark = pytest.mark.contract
TESTS = json.loads((Path(__file__).parent / "cel-spec-0.25.1" / "tests.json").read_text())
KINDS = {"int64Value": INT, "boolValue": BOOL, "stringValue": STRING}
SAME = {
    "basic": 23, "comparisons": 84, "integer_math": 41, "lists": 17, "logic": 21, "macros": 29, "parse": 91,
    "plumbing": 3, "string": 36, "timestamps": 42,
}  # fmt: skip
"""Of each suite so many tests give what they should; the others are refused when the rule is written."""
LEFT_OUT = (
    # What rules do without, each refused with these words; docs/monitoring/policies.md lists it.
    "numbers with a point", "unsigned numbers", "bytes are not", "null is not", "maps and messages cannot",
    "names do not begin with a point", "is not part of rules", "takes one text", "there is no function",
    "there is nothing called", "the items of a list are of one kind", "compares two of one kind",
    "both branches are of one kind", "must be bool, not", "nothing", "'.' does not fit here", "is not written as in",
)  # fmt: skip


def read(value: dict[str, Any]) -> Any:
    """Return a value of the tests as rules hold it."""
    ((kind, held),) = value.items()
    match kind:
        case "int64Value":
            return int(held)
        case "boolValue" | "stringValue":
            return held
        case "listValue":
            return tuple(read(each) for each in held.get("values", ()))
        case "objectValue" if held["@type"].endswith("Timestamp"):
            return datetime.fromisoformat(held["value"])
        case "objectValue" if held["@type"].endswith("Duration"):
            return timedelta(seconds=float(held["value"].removesuffix("s")))
    return NotImplemented


def checked(test: dict[str, Any]) -> tuple[Checked, Scope, dict[str, Any]]:
    bound = test.get("bindings", {})
    kinds: dict[str, Kind] = {name: KINDS[next(iter(value))] for name, value in bound.items()}
    scope = scope_of(kinds)
    return check(parse(test["expr"]), scope), scope, {name: read(value) for name, value in bound.items()}


def outcome(test: dict[str, Any]) -> str:
    """Return `same`, `refused` with the reason, or what differs."""
    try:
        part, scope, bound = checked(test)
    except RuleFault as fault:
        return f"refused: {fault.message}"
    try:
        found = function_of(part.code, {**scope.constants, **bound}, test["test"])(None, None)
    except RuleFailed as failure:
        return "same" if test.get("fails") else f"failed: {failure}"
    if test.get("fails"):
        return f"gave {found!r} instead of an error"
    wanted = read(test["value"])
    return "same" if found == wanted and type(found) is type(wanted) else f"gave {found!r}, not {wanted!r}"


def is_explained(test: dict[str, Any], found: str) -> bool:
    """Return whether a test that is not `same` asks for what rules do without, or is refused before it can fail."""
    return found.startswith("refused: ") and (bool(test.get("fails")) or any(why in found for why in LEFT_OUT))


def test_what_rules_take_means_what_the_specification_says() -> None:
    results = [(test, outcome(test)) for test in TESTS]
    wrong = {test["test"]: found for test, found in results if found != "same" and not is_explained(test, found)}
    assert wrong == {}, "\n".join(f"{name}: {what}" for name, what in wrong.items())
    same = Counter(test["test"].partition("/")[0] for test, found in results if found == "same")
    assert same == SAME


def test_kinds_are_those_of_the_values() -> None:
    by_type = {int: INT, bool: BOOL, str: STRING, datetime: TIMESTAMP, timedelta: DURATION}
    for test in TESTS:
        if outcome(test) == "same" and "value" in test:
            part, _, _ = checked(test)
            assert part.kind.name == "list" or part.kind == by_type[type(read(test["value"]))], test["test"]
