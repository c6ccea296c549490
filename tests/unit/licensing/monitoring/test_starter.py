"""The starter rulebook: each rule speaks where it should, and is silent on a near miss."""

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

import services.licensing
from services.licensing.domain.monitoring.compiling import compile_rulebook
from services.licensing.domain.monitoring.evaluating import findings
from services.licensing.domain.monitoring.facts import ShipmentFacts
from services.licensing.domain.rules.verdict import Case
from shared.events import Rulebook
from tests.support import trade
from tests.support.rules import case
from tests.support.trade import CONTROLLED_MAGNET, MAGNET

FILE = Path(services.licensing.__file__).parent / "policies" / "monitoring-starter.json"
BOOK = msgspec.json.decode(FILE.read_bytes(), type=Rulebook)
COMPILED = compile_rulebook(BOOK)
USD = "USD"


class Pair(NamedTuple):
    """A shipment of which a rule says something, what it says, and one of which it does not."""

    speaks: Case
    says: str
    silent: Case


def line(commodity: dict[str, Any] | None = None, kg: str = "100", **over: Any) -> list[dict[str, Any]]:
    return [{"line_no": 1, "commodity": commodity or MAGNET, "net_mass": {"value": kg, "unit": "KGM"}, **over}]


def priced(amount: str, element: str = "", **over: Any) -> Case:
    goods = {"hs": "284690", "elements": [element], "form": "oxide"} if element else None
    return case(lines=line(goods, kg="10", value={"amount": amount, "currency": USD}), **over)


def evidence(valid_until: str) -> list[dict[str, Any]]:
    head = {"kind": "sustainability", "reference": "C-1", "valid_from": "2025-01-01T00:00:00Z"}
    return [{**head, "valid_until": valid_until}]


def licensed(time: str = "2025-05-02T08:00:00Z", used_kg: str | None = None, **over: Any) -> Case:
    """Under a licence of 1,000 kg from 28 April to 28 October, of which something may be used."""
    terms = {name: over.pop(name) for name in ("end_users", "bars_re_export") if name in over}
    used = [trade.declared("S-0", licence_id="L-1", kg=used_kg, **over)] if used_kg else []
    return case(trade.regime(), trade.licence(**terms), *used, licence_id="L-1", time=time, **over)


def corrected(times: int) -> Case:
    found = case()
    return Case(found.declared, found.at, found.book, times_decided=times)


def after_silence(until: str) -> Case:
    cleared = (trade.declared("S-0", commodity=MAGNET), trade.milestone("S-0", "cleared"))
    return case(*cleared, trade.tick(until), commodity=MAGNET, time=until)


PAIRS = {
    "sustainability-missing": lambda: Pair(
        case(), "no sustainability evidence is declared", case(evidence=evidence("2025-12-31T00:00:00Z"))
    ),
    "sustainability-expired": lambda: Pair(
        case(evidence=evidence("2025-05-02T08:00:00Z")),
        "the sustainability evidence declared is not valid on 2025-05-02T08:00:00+00:00",
        case(evidence=evidence("2025-05-02T08:00:01Z")),
    ),
    "diversion-destination": lambda: Pair(
        licensed(destination="JP"), "line 1 goes to JP; licence L-1 names DE", licensed(destination="DE")
    ),
    "diversion-end-user": lambda: Pair(
        licensed(end_users=["U"], end_user="V"),
        "line 1 is for V, whom licence L-1 does not name",
        licensed(end_users=["U"], end_user="U"),
    ),
    "diversion-onward": lambda: Pair(
        licensed(bars_re_export=True, re_exported_to="US"),
        "line 1 is to go on to US, which licence L-1 bars",
        licensed(bars_re_export=True),
    ),
    "transshipment-without-end-user": lambda: Pair(
        case(destination="AE"),
        "AE is a known place of transshipment, and no end user of line 1 is named",
        case(destination="AE", end_user="U"),
    ),
    "just-under-a-value-limit": lambda: Pair(
        priced("4999.99", origin="US"),
        "line 1 is worth a little less than 5,000 USD, and names no licence",
        priced("5000.01", origin="US"),
    ),
    "licence-used-too-fast": lambda: Pair(
        licensed(used_kg="320"),
        "licence L-1 is used to 32 % when 2 % of its time has gone; 178 days are left",
        licensed(used_kg="319"),
    ),
    "quota-used-too-fast": lambda: Pair(
        case(trade.quota(), trade.declared("S-0", commodity=MAGNET, kg="640"), commodity=MAGNET),
        "a quota of line 1 is used far ahead of its time",
        case(trade.quota(), trade.declared("S-0", commodity=MAGNET, kg="620"), commodity=MAGNET),
    ),
    "terbium-oxide-price": lambda: Pair(
        priced("2069.99", "Tb"),
        "line 1 is terbium oxide at a price per kg below 207 or above 2,820 USD",
        priced("2070", "Tb"),
    ),
    "dysprosium-oxide-price": lambda: Pair(
        priced("14200.01", "Dy"),
        "line 1 is dysprosium oxide at a price per kg below 89 or above 1,420 USD",
        priced("14200", "Dy"),
    ),
    "corrected-often": lambda: Pair(corrected(3), "shipment S-1 was decided 3 times before", corrected(2)),
    "licence-wakes-late": lambda: Pair(
        licensed("2025-08-20T00:00:00Z"),
        "licence L-1 is used for the first time when 62 % of its validity has gone",
        licensed("2025-08-20T00:00:00Z", used_kg="1"),
    ),
    "lane-wakes": lambda: Pair(
        after_silence("2025-07-01T08:00:00Z"),
        "nothing had cleared on a lane of line 1 for 60 days or more",
        after_silence("2025-06-30T08:00:00Z"),
    ),
    "magnet-without-elements": lambda: Pair(
        case(commodity={"hs": "850511", "form": "magnet"}),
        "line 1 is a magnet without its elements",
        case(commodity=MAGNET),
    ),
    "controlled-without-end-user": lambda: Pair(
        case(commodity={**CONTROLLED_MAGNET, "control_code": "1C902"}),
        "line 1 is under control code 1C902, and no end user is named",
        case(commodity={**CONTROLLED_MAGNET, "control_code": "1C902"}, end_user="U"),
    ),
}
"""Made when they are asked for."""


def said(judged: Case) -> dict[str, str]:
    found = findings(COMPILED, ShipmentFacts(judged))
    assert [each.failure for each in found] == [""] * len(found)
    return {each.rule.id: each.says for each in found}


@pytest.mark.parametrize("rule", PAIRS)
def test_a_rule_speaks_where_it_should_and_is_silent_on_a_near_miss(rule: str) -> None:
    pair = PAIRS[rule]()
    assert said(pair.speaks).get(rule) == pair.says
    assert rule not in said(pair.silent)


def test_every_rule_has_its_pair_and_says_why_it_is_there() -> None:
    assert set(PAIRS) == {rule.id for rule in BOOK.rules}
    assert all(rule.why for rule in BOOK.rules)


def test_nothing_is_denied_since_that_is_the_laws_to_say() -> None:
    assert {rule.effect for rule in BOOK.rules} == {"note", "hold"}
    assert all(rule.remedy for rule in BOOK.rules if rule.effect == "hold")
