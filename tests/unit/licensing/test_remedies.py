"""Whoever is refused or held is told what would make it pass, or why nothing would."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import services.licensing.domain
from tests.support.books import Books
from tests.support.trade import CONTROLLED_MAGNET, declared, event, licence, quota, regime, tick

DOMAIN = Path(services.licensing.domain.__file__).parent
LINE = {"line_no": 1, "covers": {"hs": ["850511"]}}
KG_10 = {"value": "10", "unit": "KGM"}
SUB_LIMIT = {"sub_limit_id": "dy", "covers": [{"elements": ["Dy"]}], "initial": KG_10}
OLD_EVIDENCE = {
    "kind": "sustainability",
    "reference": "C-1",
    "valid_from": "2025-01-01T00:00:00Z",
    "valid_until": "2025-02-01T00:00:00Z",
}


def step(what: str, day: str = "2025-04-30", **data: Any) -> bytes:
    return event(f"trade.{what}", data, time=f"{day}T00:00:00Z")


def reviewed(what: str) -> bytes:
    return step(f"review.{what}", "2025-05-03", shipment_id="S", officer="O-1", reason="checked")


def single_use() -> bytes:
    found = json.loads(licence())
    return json.dumps({**found, "data": {**found["data"], "kind": "single_use"}}).encode()


def worth(amount: str, currency: str = "EUR") -> bytes:
    value = {"amount": amount, "currency": currency}
    line = {"line_no": 1, "commodity": CONTROLLED_MAGNET, "net_mass": KG_10, "value": value, "licence_id": "L-1"}
    return declared("S", lines=[line])


SHIPMENT = declared("S", licence_id="L-1")
CORRECTION = declared("S", kg="90", kind="trade.shipment.corrected", time="2025-06-03T00:00:00Z")
CORRECTION_ON_L1 = declared("S", licence_id="L-1", kind="trade.shipment.corrected", time="2025-06-03T00:00:00Z")
LICENSED = (regime(), licence())
WORTH_100 = licence(lines=[{**LINE, "value": {"amount": "100", "currency": "EUR"}}])
EXPIRED = (regime(needs_evidence=["sustainability"]), licence())
PRO_RATA = quota(kg="150", allocation="pro_rata", period_start="2025-05-02T00:00:00Z")
BLOCKED = (quota(), step("quota.blocked", quota_id="Q-1"))

CASES: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "goods.undeclared": ("held", (regime(), declared("S", commodity={"hs": "850511", "form": "magnet"}))),
    "regime.barred": ("refused", (regime(barred_end_uses=["military"]), declared("S", end_use="military"))),
    "regime.prohibited": ("refused", (regime(requires="prohibition"), declared("S"))),
    "licence.required": ("refused", (regime(), declared("S"))),
    "licence.awaited": ("held", (regime(), SHIPMENT, tick("2025-06-01T00:00:00Z"))),
    "licence.state": ("refused", (*LICENSED, step("licence.suspended", licence_id="L-1"), SHIPMENT)),
    "licence.validity": ("refused", (regime(), licence(valid_until="2025-05-01T00:00:00Z"), SHIPMENT)),
    "licence.exporter": ("refused", (regime(), licence(exporter="Y"), SHIPMENT)),
    "licence.origin": ("refused", (regime(), licence(origin="VN"), SHIPMENT)),
    "licence.destination": ("refused", (regime(), licence(destinations=["US"]), SHIPMENT)),
    "licence.consignee": ("refused", (regime(), licence(consignees=["D"]), SHIPMENT)),
    "licence.end_user": ("refused", (regime(), licence(end_users=["U"]), SHIPMENT)),
    "licence.end_use": ("refused", (regime(), licence(end_uses=["medical"]), SHIPMENT)),
    "licence.port": ("refused", (regime(), licence(ports=["CNSHA"]), SHIPMENT)),
    "licence.re_export": (
        "refused",
        (regime(), licence(bars_re_export=True), declared("S", licence_id="L-1", re_exported_to="US")),
    ),
    "licence.kind": ("refused", (regime(accepts=["general"]), licence(), SHIPMENT)),
    "licence.term": ("refused", (regime(max_validity=[{"kind": "individual", "months": 1}]), licence(), SHIPMENT)),
    "licence.commodity": ("refused", (regime(), licence(lines=[{**LINE, "covers": {"hs": ["2805"]}}]), SHIPMENT)),
    "licence.evidence": (
        "held",
        (regime(), licence(needs_evidence=["sustainability"]), declared("S", licence_id="L-1")),
    ),
    "regime.evidence": ("held", (*EXPIRED, declared("S", licence_id="L-1", evidence=[OLD_EVIDENCE]))),
    "licence.measure": ("held", (regime(), licence(lines=[{**LINE, "measure": "reo", "mass": KG_10}]), SHIPMENT)),
    "licence.balance": ("refused", (regime(), licence(kg="50"), SHIPMENT)),
    "licence.value": ("refused", (regime(), WORTH_100, worth("101"))),
    "licence.single_use": ("refused", (regime(), single_use(), declared("S0", licence_id="L-1"), SHIPMENT)),
    "quota.balance": ("refused", (quota(kg="50"), declared("S", commodity=CONTROLLED_MAGNET))),
    "quota.sub_limit": ("refused", (quota(sub_limits=[SUB_LIMIT]), declared("S"))),
    "quota.allocation": ("refused", (quota(is_allocated=True), declared("S"))),
    "quota.reserved": (
        "refused",
        (quota(kg="150", reserved_share={"end_uses": ["medical"], "percent": 50}), declared("S")),
    ),
    "quota.month": ("refused", (quota(monthly_cap=KG_10), declared("S"))),
    "quota.closed": ("refused", (quota(), step("quota.closed", quota_id="Q-1"), declared("S"))),
    "quota.suspended": ("refused", (quota(), step("quota.suspended", quota_id="Q-1"), declared("S"))),
    "quota.measure": ("held", (quota(measure="reo"), declared("S"))),
    "quota.share": ("held", (PRO_RATA, declared("S0"), declared("S"), tick("2025-05-03T00:00:00Z"))),
    "review.rejected": (
        "refused",
        (regime(), declared("S", commodity={"hs": "850511", "form": "magnet"}), reviewed("rejected")),
    ),
    "shipment.retracted": (
        "",
        (
            declared("S", id="d"),
            step("event.retracted", entity="shipment:S", source="/test", id="d", reason="posted in error"),
        ),
    ),
}
"""By rule: what it does to a shipment, and events after which it does."""
PASSES = {
    "regime.none",
    "regime.exempt",
    "regime.watched",
    "licence.conditions",
    "licence.reporting",
    "licence.unlimited",
    "licence.lanes",
}
"""Rules that only ever note something, and what is said of lanes."""


@pytest.mark.parametrize("rule", CASES)
def test_what_stops_a_shipment_has_a_remedy(books: Books, rule: str) -> None:
    effect, events = CASES[rule]
    books.feed(*events)
    (said,) = [reason for reason in books.latest("S").reasons if reason.rule == rule]
    assert (said.effect or "") == effect
    assert len(said.remedy) > 10, said
    assert "None" not in said.says + said.remedy, said


def test_every_reason_that_does_not_pass_has_a_remedy_and_no_other(books: Books) -> None:
    books.feed(regime(), quota(kg="50"), licence(kg="50", exporter="Y", report_within_days=30), SHIPMENT)
    for reason in books.latest("S").reasons:
        assert bool(reason.remedy) == (reason.effect != "passed"), reason


@pytest.mark.parametrize("rule", ["licence.balance", "quota.balance", "quota.share", "licence.value"])
def test_a_balance_says_at_which_entry_of_which_account_it_was_read(books: Books, rule: str) -> None:
    _, events = CASES[rule]
    books.feed(*events)
    (said,) = [reason for reason in books.latest("S").reasons if reason.rule == rule]
    account_id, _, number = said.figures["position"].rpartition("#")
    assert 1 <= int(number) <= books.book.accounts[account_id].entries


def test_an_undeclared_end_user_is_asked_for(books: Books) -> None:
    books.feed(*CASES["licence.end_user"][1])
    (said, *_) = books.latest("S").reasons
    assert said.says == "line 1: licence L-1 is for end user U, not an undeclared one"
    assert said.remedy == "declare the end user: U"


def test_a_correction_helps_where_it_is_asked_for(books: Books) -> None:
    reopened = step("quota.reopened", "2025-06-02", quota_id="Q-1")
    books.feed(*BLOCKED, declared("S"), tick("2025-06-01T00:00:00Z"), reopened)
    (said,) = books.latest("S").reasons
    assert said.says == "quota Q-1 was not reopened within 14 days"
    assert said.remedy.startswith("correct the shipment once quota Q-1 is reopened")
    books.feed(CORRECTION)
    assert books.outcome("S") == "permitted"


def test_a_licence_that_was_suspended_then_asks_for_a_new_shipment(books: Books) -> None:
    books.feed(*CASES["licence.state"][1], step("licence.reinstated", "2025-06-02", licence_id="L-1"), CORRECTION_ON_L1)
    (said, *_) = books.latest("S").reasons
    assert said.remedy.startswith("declare the goods as a new shipment once the licence is reinstated")
    assert books.outcome("S") == "denied"
    books.feed(declared("S2", licence_id="L-1", time="2025-06-03T00:00:00Z"))
    assert books.outcome("S2") == "permitted"


def test_a_revoked_licence_does_not_come_back(books: Books) -> None:
    books.feed(*LICENSED, step("licence.revoked", licence_id="L-1"), SHIPMENT)
    (said, *_) = books.latest("S").reasons
    assert said.remedy == "name another licence of MOFCOM: one that is revoked does not come back"


def test_a_correction_does_not_help_where_a_new_shipment_is_asked_for(books: Books) -> None:
    books.feed(*CASES["quota.closed"][1], step("quota.reopened", "2025-06-02", quota_id="Q-1"), CORRECTION)
    assert books.latest("S").reasons[0].remedy.startswith("declare the goods as a new shipment once quota Q-1")
    assert books.outcome("S") == "denied"
    books.feed(declared("S2", time="2025-06-03T00:00:00Z"))
    assert books.outcome("S2") == "permitted"


def test_no_rule_stops_a_shipment_that_is_not_shown_here() -> None:
    named = re.compile(r'"((?:goods|regime|licence|quota|review|shipment)\.[a-z_]+)"')
    others = ("concluding.py", "on_shipments.py", "on_reviews.py", "on_retractions.py", "quotas.py")
    sources = [*DOMAIN.glob("rules/*.py"), *(DOMAIN / name for name in others)]
    found = {rule for source in sources for rule in named.findall(source.read_text())}
    assert len(found) > 20
    assert found - PASSES - set(CASES) == set()
