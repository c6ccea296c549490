"""Conditions of filters: what they may ask of an alert, what is refused, and what becomes of one that fails."""

from typing import Any

import msgspec
import pytest

from services.alerts.domain.conditions import Answer, ask, compiled, told
from services.alerts.domain.facts import CLASSES, AlertFacts
from shared.cel.faults import RuleFault
from shared.cel.kinds import facts_of
from shared.cloudevents import read_alert
from shared.events import ALERT_TYPES
from shared.examples import alert_event

LANE, QUOTA, HELD = "lanewatch.lane.changed", "lanewatch.quota.critical", "lanewatch.decision.held"


def facts(kind: str, **more: Any) -> AlertFacts:
    event = alert_event(kind)
    event["data"] = event["data"] | more
    return AlertFacts(read_alert(msgspec.json.encode(event)))


OTHER = {"lane_id": "x", "origin": "VN", "destination": "DE", "since": "2025-05-20T03:00:00Z", "left_kg": "1.5"}
NEARLY = {"rule": "lane.gate.licences", "says": "s", "figures": {"left": "1,200.5 kg", "granted": "40,000 kg"}}


@pytest.mark.parametrize(
    "kind,condition,expected",
    [
        (LANE, "true", True),
        (LANE, "alert.kind == 'lanewatch.lane.changed' && alert.severity == 'notice'", True),
        (LANE, "alert.severity_rank >= 2", False),
        (LANE, "'dy-magnets' in alert.commodity_groups && alert.origin == 'CN'", True),
        (LANE, "alert.destinations.exists(d, d in ['DE', 'FR'])", True),
        (LANE, "has(alert.state) && alert.state == 'flowing'", True),
        (LANE, "has(alert.previous) && alert.previous != 'restricted'", False),
        (LANE, "has(alert.since) && alert.happened_at - alert.since < duration('1h')", True),
        (LANE, "has(alert.exporter)", False),
        (LANE, "alert.headline.contains('Dysprosium')", True),
        (LANE, "alert.is_correction", False),
        (LANE, "has(alert.left_mg)", False),
        (LANE, "alert.reasons.exists(r, r.rule == 'lane.gate.licences')", True),
        (LANE, "alert.reasons.exists(r, has(r.left_mg) && r.left_mg < mass('1.3 t'))", True),
        (LANE, "alert.alternatives.exists(a, a.origin == 'VN' && has(a.left_mg) && a.left_mg == mass('1.5 kg'))", True),
        (LANE, "size(alert.alternatives) > 1", False),
        (QUOTA, "has(alert.left_mg) && alert.left_mg < mass('4 t')", True),
        (
            QUOTA,
            "has(alert.left_mg) && has(alert.granted_mg) && alert.left_mg * 100 / alert.granted_mg < 5",
            False,
        ),
        (QUOTA, "has(alert.state)", False),
        (HELD, "has(alert.outcome) && alert.outcome == 'held' && has(alert.net_mass_mg)", True),
    ],
)
def test_what_a_condition_may_ask(kind: str, condition: str, expected: bool) -> None:
    more = {"reasons": [NEARLY], "alternatives": [OTHER]} if kind == LANE else {}
    assert ask(condition, facts(kind, **more)) == Answer(expected)


@pytest.mark.parametrize(
    "condition,said",
    [
        ("alert.sevirity == 'critical'", "line 1, column 7: alert has no fact sevirity; perhaps severity"),
        ("alert.state == 'flowing'", "line 1, column 7: alert.state is not always there: ask has(alert.state)"),
        ("alert.severity = 'x'", "line 1, column 16: '=' does not fit here: equality is =="),
        ("true &&\n  alert.origin", "line 2, column 9: "),
        ("alert.severity", "line 1, column 7: a condition must be bool, not string"),
        ("alert.headline.matches('a+')", "matches is not part of rules"),
        ("shipment.id == 'x'", "there is nothing called shipment; there are alert"),
        ("", "the condition ends too soon"),
        (
            "alert.reasons.all(a, alert.reasons.all(b, alert.reasons.all(c, a.rule == b.rule && b.rule == c.rule)))",
            "steps, more than 20,000",
        ),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place(condition: str, said: str) -> None:
    with pytest.raises(RuleFault) as refused:
        compiled(condition)
    assert said in told(refused.value)


@pytest.mark.parametrize(
    "condition,why",
    [
        ("1 / alert.severity_rank > 0", "division by zero"),
        ("alert.reasons[9].rule == 'x'", "no item 9 in a list of 1"),
        ("alert.severity_rank - 9223372036854775807 - 10 > 0", "a number beyond 64 bits"),
    ],
)
def test_one_that_fails_lets_the_alert_through_and_says_why(condition: str, why: str) -> None:
    answer = ask(condition, facts(LANE, severity="info", reasons=[NEARLY]))
    assert answer.is_wanted
    assert why in str(answer.failure)


@pytest.mark.parametrize("kind", sorted(ALERT_TYPES))
def test_every_fact_can_be_asked_of_every_kind_of_alert(kind: str) -> None:
    found = facts(kind)
    for name, about in facts_of(AlertFacts).items():
        value = getattr(found, name)
        assert about.says.endswith(".")
        assert about.is_optional or value is not None


def test_every_class_of_facts_says_what_it_is() -> None:
    assert all(each.__doc__ and facts_of(each) for each in CLASSES)
