from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.monitoring.compiling import Fault, RulebookRefused, compile_rulebook
from shared.cel.literals import LEAST, MOST
from tests.support import trade
from tests.support.rules import asked, case, rule, rulebook

pytestmark = pytest.mark.unit
JUDGED = case(trade.regime(), trade.licence("L-1", end_users=["U"]), licence_id="L-1", end_user="U", kg="12.5")
ERROR = "1 / (shipment.lines[0].line_no - 1) > 0"
"""A condition that divides by zero; the line's number is 1."""


def faults(when: str, **over: str) -> tuple[Fault, ...]:
    with pytest.raises(RulebookRefused) as refused:
        compile_rulebook(rulebook(rule(when, **over)))
    return refused.value.faults


def says(when: str) -> str:
    """Return `true`, `false` or the failure of a condition."""
    found = asked(when, JUDGED)
    return (found[0].failure or "true") if found else "false"


@pytest.mark.parametrize(
    "when",
    [
        "shipment.destination == 'DE' && shipment.origin in ['CN', 'MM']",
        "line.net_mass_mg == mass('12.5 kg') && line.net_mass_mg == mass('0.0125 t')",
        "has(line.licence) && line.licence.end_users == ['U']",
        "has(shipment.end_user) && shipment.end_user in ['U']",
        "!has(shipment.port)",
        "has(line.licence) ? line.licence.days_left == 178 : false",
        "!(!has(line.licence) || line.licence.days_left < 178)",
        "'magnets' in line.groups && line.groups.exists(g, g == 'magnets-controlled')",
        "shipment.lines.all(l, l.net_mass_mg * 2 == mass('25 kg'))",
        "shipment.lines.map(l, l.line_no) == [1] && shipment.lines.filter(l, l.line_no > 1).size() == 0",
        "shipment.lines.exists_one(l, l.form == 'magnet')",
        "shipment.declared_at + duration('24h') > timestamp('2025-05-03T07:59:59Z')",
        "shipment.declared_at - timestamp('2025-05-01T08:00:00Z') == duration('24h')",
        "shipment.declared_at.getDayOfWeek() == 5",
        "has(line.licence) && has(line.licence.used_percent) && line.licence.used_percent == 0",
        "shipment.id.startsWith('S-') && line.hs.startsWith('8505')",
    ],
)
def test_a_condition_over_facts_is_true(when: str) -> None:
    assert says(when) == "true"


@pytest.mark.parametrize(
    "when, line, column, told",
    [
        ("shipment.destinaton == 'DE'", 1, 10, "shipment has no fact destinaton; perhaps destination"),
        ("shipment.destination == 1", 1, 22, "== compares two of one kind, not string and int"),
        ("shipment.origin == 'CN' &&\n  line.net_mass_mg > 'a'", 2, 20, "> compares two of one kind"),
        ("line.licence.days_left < 10", 1, 6, "line.licence is not always there: ask has(line.licence) && ... first"),
        ("has(line.licence) || line.licence.days_left < 10", 1, 27, "is not always there"),
        ("has(shipment.origin)", 1, 14, "shipment.origin is always there"),
        ("shipment.origin = 'CN'", 1, 17, "equality is =="),
        ("shipment.origin == 'CN", 1, 20, "a text that does not end"),
        ("shipment.origin ==", 1, 19, "ends too soon"),
        ("line.net_mass_mg > 0.5", 1, 20, "numbers with a point"),
        ("shipment.id.matches('(a+)+')", 1, 13, "matches is not part of rules: a pattern may take very long"),
        ("shipment.net_mass_mg", 1, 10, "a condition must be bool, not int"),
        ("exporter == 'X'", 1, 1, "there is nothing called exporter; there are shipment, line"),
        ("line.net_mass_mg > mass('1.5')", 1, 25, "is not written as in mass('12.5 kg')"),
        ("line.net_mass_mg > mass('0.0001 g')", 1, 25, "is not written as in"),
        ("shipment.lines.exists(l, l.id == 'x')", 1, 28, "line has no fact id"),
        ("shipment.origin.exists(l, true)", 1, 17, "exists goes over a list, not string"),
        ("__import__('os').system('x') == 0", 1, 1, "there is no function __import__(string)"),
        ("shipment.__class__ == 'x'", 1, 10, "shipment has no fact __class__"),
        ("shipment._case == 'x'", 1, 10, "shipment has no fact _case"),
        ("1 > " + "9" * 30, 1, 5, "a number beyond 64 bits"),
        ("!" * 60 + "true", 1, 41, "nested 40 levels deep at most"),
        ("(" * 3999 + "1", 1, 4001, "ends too soon"),
    ],
)
def test_what_does_not_compile_is_refused_with_its_place(when: str, line: int, column: int, told: str) -> None:
    (fault,) = faults(when)
    assert fault.pointer == "/rules/0/when"
    assert told in fault.detail
    assert tuple(fault.place) == (line, column)


def test_a_condition_that_could_take_long_is_refused() -> None:
    over_all = "shipment.lines.exists(a, shipment.lines.exists(b, {}))"
    (fault,) = faults(over_all.format("shipment.lines.exists(c, a.line_no + b.line_no == c.line_no)"))
    assert "steps, more than 100,000" in fault.detail
    assert says("shipment.lines.exists(a, a.line_no == 2)") == "false"


def test_rules_that_could_take_long_together_are_refused() -> None:
    one = "shipment.lines.exists(l, l.lanes.exists(x, x.state == 'dormant' && x.gate == 'open' && x.flow == 'none'))"
    compile_rulebook(rulebook(one))
    with pytest.raises(RulebookRefused, match="steps together on one shipment, more than 20,000,000"):
        compile_rulebook(rulebook(*[one] * 500))


def test_every_fault_is_told_at_once_up_to_twenty() -> None:
    with pytest.raises(RulebookRefused) as refused:
        compile_rulebook(rulebook("true", "1", rule("true", "x", says="{shipment.exporte}"), *["1"] * 30))
    pointers = [fault.pointer for fault in refused.value.faults]
    assert pointers[:3] == ["/rules/1/when", "/rules/2/says", "/rules/3/when"]
    assert len(pointers) == 20


@pytest.mark.parametrize(
    "when, failure",
    [
        (ERROR, "division by zero"),
        ("line.net_mass_mg % (line.line_no - 1) == 0", "division by zero"),
        (f"line.net_mass_mg * {MOST} > 0", "a number beyond 64 bits"),
        (f"-({LEAST} + line.line_no - 1) > 0", "a number beyond 64 bits"),
        (f"({LEAST} + line.line_no - 1) / -1 > 0", "a number beyond 64 bits"),
        ("shipment.lines[1].line_no == 1", "no item 1 in a list of 1"),
        (
            "timestamp('9999-12-31T23:59:59Z') + duration('1h') > shipment.declared_at",
            "a time outside the years 1 to 9999",
        ),
        ("shipment.lines.all(l, 1 / (l.line_no - 1) > 0)", "division by zero"),
    ],
)
def test_a_condition_without_a_value_fails_for_this_shipment_alone(when: str, failure: str) -> None:
    compiled = compile_rulebook(rulebook("true", when, "shipment.origin == 'CN'"))
    found = asked("true", JUDGED)
    assert [each.says for each in found] == ["it spoke"]
    assert says(when) == failure
    assert len(compiled.rules) == 3


PARTS = {"shipment.origin == 'CN'": True, "shipment.origin == 'US'": False, ERROR: None}


@pytest.mark.parametrize("a, b, c", list(product(PARTS, repeat=3)))
def test_logic_takes_errors_in_as_the_language_says(a: str, b: str, c: str) -> None:
    known = [PARTS[a], PARTS[b], PARTS[c]]
    both = "false" if False in known else "division by zero" if None in known else "true"
    either = "true" if True in known else "division by zero" if None in known else "false"
    assert says(f"{a} && {b} && {c}") == both
    assert says(f"{a} || {b} || {c}") == either
    if PARTS[c] is not None:
        assert says(f"{a} && {b} ? {c} : !({c})") == (
            "division by zero"
            if None in known[:2] and False not in known[:2]
            else str(PARTS[c] if known[:2] == [True, True] else not PARTS[c]).lower()
        )


@given(st.integers(LEAST, MOST), st.integers(LEAST, MOST), st.sampled_from("+-*/%"))
def test_whole_numbers_have_64_bits_and_divisions_cut_towards_zero(left: int, right: int, operator: str) -> None:
    exact: dict[str, Callable[[], int]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1),
        "%": lambda: abs(left) % abs(right) * (-1 if left < 0 else 1),
    }
    if operator in "/%" and right == 0:
        wanted = "division by zero"
    elif not LEAST <= (value := exact[operator]()) <= MOST or (operator == "%" and (left, right) == (LEAST, -1)):
        wanted = "a number beyond 64 bits"
    else:
        assert says(f"{left} {operator} {right} == {value}") == "true"
        return
    assert says(f"{left} {operator} {right} == 0") == wanted


def test_what_an_author_writes_is_never_code() -> None:
    text = "x' + __import__('os').system('false') + '"
    assert says(f"shipment.id == {text!r}") == "false"
    assert faults("true", says="{shipment.id.__class__}")[0].detail.startswith("string has no facts")
    assert "without a format" in faults("true", says="{shipment.id!r}")[0].detail
