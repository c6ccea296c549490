from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.licensing.domain.monitoring.compiling import RulebookRefused, compile_rulebook
from services.licensing.domain.monitoring.evaluating import findings
from services.licensing.domain.monitoring.facts import VARIABLES, ShipmentFacts
from services.licensing.domain.rules.verdict import Case
from shared.cel.kinds import facts_of
from shared.events import Rulebook
from tests.support import trade
from tests.support.rules import case, document, rule, rulebook

pytestmark = pytest.mark.unit


def spoken(judged: Case, *rules: dict[str, Any] | str) -> list[tuple[str, int | None, str]]:
    found = findings(compile_rulebook(rulebook(*rules)), ShipmentFacts(judged))
    return [(each.rule.id, each.line_no, each.says) for each in found]


def two_lines() -> Case:
    lines = [
        {"line_no": n, "commodity": trade.MAGNET, "net_mass": {"value": kg, "unit": "KGM"}}
        for n, kg in ((1, "5"), (7, "50"))
    ]
    return case(lines=lines)


def test_a_rule_that_asks_a_line_speaks_of_each_and_others_once() -> None:
    found = spoken(
        two_lines(),
        rule("line.net_mass_mg > 0", "lines", says="line {line.line_no}: {line.net_mass_mg}"),
        rule("shipment.net_mass_mg > 0", "whole", says="{shipment.net_mass_mg} of {shipment.exporter}"),
        rule("line.net_mass_mg > mass('10 kg')", "heavy", says="heavy"),
    )
    assert found == [
        ("lines", 1, "line 1: 5 kg"),
        ("lines", 7, "line 7: 50 kg"),
        ("whole", None, "55 kg of X"),
        ("heavy", 7, "heavy"),
    ]


def test_a_sentence_may_name_what_the_condition_showed_to_be_there() -> None:
    judged = case(trade.regime(), trade.licence("L-1"), licence_id="L-1")
    says = "licence {line.licence.id} ends {line.licence.valid_until}: {line.groups}; {{as is}}"
    found = spoken(judged, rule("has(line.licence) && line.licence.days_left < 200", says=says))
    assert found[0][2] == ("licence L-1 ends 2025-10-28T00:00:00+00:00: magnets, magnets-controlled; {as is}")
    with pytest.raises(RulebookRefused, match="licence is not always there"):
        compile_rulebook(rulebook(rule("line.line_no > 0", says=says)))


@pytest.mark.parametrize(
    "says, column, told",
    [
        ("a {shipment.exporte}", 13, "shipment has no fact exporte; perhaps exporter"),
        ("a {shipment}", 4, "one fact"),
        ("a {1 + 1}", 4, "one fact"),
        ("a {shipment.id", 1, "facts in braces"),
        ("a {shipment.lines}", 4, "one fact"),
        ("a {}", 5, "ends too soon"),
    ],
)
def test_a_sentence_with_a_fault_is_refused_with_its_place(says: str, column: int, told: str) -> None:
    with pytest.raises(RulebookRefused) as refused:
        compile_rulebook(rulebook(rule("true", says=says)))
    (fault,) = refused.value.faults
    assert fault.pointer == "/rules/0/says"
    assert told in fault.detail
    assert fault.place.column in (column, column - 1)


def test_a_rulebook_that_breaks_its_contract_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="stands twice in rules"):
        msgspec.convert(document(rule("true"), rule("true")), Rulebook)
    with pytest.raises(msgspec.ValidationError, match="whenn"):
        msgspec.convert(document({**rule("true"), "whenn": "true"}), Rulebook)
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'stop'"):
        msgspec.convert(document(rule("true", effect="stop")), Rulebook)


VALUES = {
    "shipment.exporter": ["X", "Y"],
    "shipment.destination": ["DE", "US"],
    "shipment.origin": ["CN", "MM"],
    "line.form": ["magnet", "oxide"],
    "line.hs": ["850511", "280530"],
}
LISTS = {"line.groups": ["magnets", "rare-earths"], "line.elements": ["Nd", "Dy", "La"]}


def conditions() -> st.SearchStrategy[str]:
    equal = st.sampled_from([f"{path} == '{value}'" for path, values in VALUES.items() for value in values])
    among = st.sampled_from([f"{path} in {values}" for path, values in VALUES.items()])
    held = st.sampled_from(
        [
            text
            for path, values in LISTS.items()
            for v in values
            for text in (f"'{v}' in {path}", f"{path}.exists(x, x == '{v}')")
        ]
    )
    other = st.sampled_from(["shipment.net_mass_mg > 1", "line.line_no == 1 / 0", "!has(line.licence)"])
    base = equal | among | held | other
    return st.recursive(
        base,
        lambda inner: (
            st.builds("({}) && ({})".format, inner, inner)
            | st.builds("({}) || ({})".format, inner, inner)
            | st.builds("!({})".format, inner)
            | st.builds("({}) ? ({}) : ({})".format, inner, inner, inner)
        ),
        max_leaves=8,
    )


@given(
    conditions(),
    st.fixed_dictionaries({"exporter": st.sampled_from("XYZ"), "destination": st.sampled_from(["DE", "US", "FR"])}),
)
def test_the_index_leaves_out_no_rule_that_would_speak_or_fail(when: str, over: dict[str, str]) -> None:
    judged = case(**over)  # type: ignore[arg-type]
    compiled = compile_rulebook(rulebook(when))
    shipment = ShipmentFacts(judged)
    (one,) = compiled.rules
    try:
        wanted = "true" if one.holds(shipment, shipment.lines[0]) else "false"
    except Exception as failure:  # noqa: BLE001 - whatever the rule fails with
        wanted = str(failure)
    found = findings(compiled, shipment)
    assert (found[0].failure or "true" if found else "false") == wanted


def test_rules_for_other_goods_and_places_are_not_even_asked() -> None:
    compiled = compile_rulebook(
        rulebook(*[f"shipment.destination == 'A{chr(65 + n % 26)}' && 1 / 0 == 1" for n in range(200)])
    )
    assert findings(compiled, ShipmentFacts(case())) == []
    assert compiled.of_shipment.always == ()


def test_every_fact_can_be_asked_of_a_full_declaration_and_says_what_it_is() -> None:
    judged = full_case()
    shipment = ShipmentFacts(judged)
    asked = set()

    def ask(value: Any) -> None:
        for name, about in facts_of(type(value)).items():
            assert about.says.endswith(".")
            found = getattr(value, name)
            assert found is not None, name
            asked.add(f"{type(value).NAME}.{name}")
            for each in found if isinstance(found, tuple) else (found,):
                if hasattr(type(each), "NAME"):
                    ask(each)

    ask(shipment)
    assert {name.partition(".")[0] for name in asked} == {
        "shipment",
        "line",
        "licence",
        "quota",
        "lane",
        "evidence",
        "value",
    }
    assert set(VARIABLES) == {"shipment", "line"}


def full_case() -> Case:
    line = {
        "line_no": 1,
        "commodity": {**trade.CONTROLLED_MAGNET, "control_code": "1C914"},
        "net_mass": {"value": "10", "unit": "KGM"},
        "gross_mass": {"value": "11", "unit": "KGM"},
        "value": {"amount": "1.50", "currency": "USD"},
        "licence_id": "L-1",
    }
    evidence = [
        {
            "kind": "sustainability",
            "reference": "E-1",
            "valid_from": "2025-01-01T00:00:00Z",
            "valid_until": "2025-06-01T00:00:00Z",
        }
    ]
    over: dict[str, Any] = {
        "end_user": "U",
        "end_use": "motors",
        "re_exported_to": "AT",
        "port": "CNSHA",
        "evidence": evidence,
    }
    events = [trade.regime(), trade.quota(), trade.licence("L-1"), trade.declared("S-0", licence_id="L-1")]
    return case(*events, trade.milestone("S-0", "cleared"), lines=[line], **over)


def test_what_a_licence_has_used_does_not_count_the_shipment_itself() -> None:
    judged = full_case()
    shipment = ShipmentFacts(judged)
    licence = shipment.lines[0].licence
    assert licence is not None
    assert (licence.used_mg, licence.granted_mg, licence.used_percent) == (100_000_000, 1_000_000_000, 10)
    own = Case(judged.declared, judged.at, judged.book, own={"licence:L-1:1": 60_000_000})
    again = ShipmentFacts(own).lines[0].licence
    assert again is not None
    assert again.used_mg == 40_000_000
