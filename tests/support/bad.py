"""Events that break the contract, each in one way, with the place and the words that must tell of it."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from shared.examples import trade_event

REGIME = "trade.regime.announced"
QUOTA = "trade.quota.opened"
RELEASED = "trade.quota.tranche_released"
LICENCE = "trade.licence.issued"
DECLARED = "trade.shipment.declared"
PRICE = "trade.price.observed"
RETRACTED = "trade.event.retracted"

Change = Callable[[Any], object]


class Bad(NamedTuple):
    """An example event after a change of its data; `says` stands in the reason."""

    name: str
    kind: str
    change: Change
    pointer: str
    says: str

    def event(self, event_id: str = "bad") -> dict[str, Any]:
        """The event, under an id."""
        event: dict[str, Any] = json.loads(json.dumps({**trade_event(self.kind), "id": event_id}))
        self.change(event["data"])
        return event

    def body(self, event_id: str = "bad") -> bytes:
        return json.dumps(self.event(event_id), separators=(",", ":")).encode()


def _line(**over: Any) -> Change:
    return lambda data: data["lines"][0].update(over)


def _goods(**over: Any) -> Change:
    return lambda data: data["lines"][0]["commodity"].update(over)


def _set(**over: Any) -> Change:
    return lambda data: data.update(over)


def _many_lines(data: Any) -> None:
    data["lines"] = [{"line_no": number} for number in range(1, 10_001)]


def _money(amount: object, currency: str = "EUR") -> dict[str, Any]:
    return {"value": {"amount": amount, "currency": currency}}


def _tranche(tranche_id: str = "T1", **over: Any) -> dict[str, Any]:
    return {"tranche_id": tranche_id, "opens_at": "2025-08-01T00:00:00Z", "amount": {"value": "1"}, **over}


def _content(element: str, percent: object) -> dict[str, Any]:
    return {"element": element, "percent": percent}


def _allocations(count: int) -> list[dict[str, Any]]:
    return [{"exporter": f"X{number}", "amount": {"value": 1}} for number in range(count)]


LINE = "/data/lines/0"
MASS = {"value": "-12000", "unit": "KGM"}
SUB = {"sub_limit_id": "HEAVY", "covers": [{"elements": ["Dy"]}]}
EVIDENCE = {"kind": "cert", "reference": "C-1", "valid_from": "2025-06-01T00:00:00Z"}

ASKED = [
    Bad("a licence for a negative mass", LICENCE, _line(mass=MASS), f"{LINE}/mass", "must not be negative"),
    Bad(
        "an unknown unit",
        DECLARED,
        _line(net_mass={"value": "5", "unit": "LBR"}),
        f"{LINE}/net_mass/unit",
        'not one of KGM, TNE, GRM, MGM, DTN: "LBR"',
    ),
    Bad(
        "a quota that ends before it begins",
        QUOTA,
        _set(period_end="2025-01-01T00:00:00Z"),
        "/data/period_end",
        'period_end must be later than period_start: "2025-01-01T00:00:00Z"',
    ),
    Bad("a shipment with 10,000 lines", DECLARED, _many_lines, "/data/lines", "at most 200 items, got 10,000"),
    Bad(
        "a currency that does not exist",
        DECLARED,
        _line(**_money("1.00", "EUX")),
        f"{LINE}/value/currency",
        'not an ISO 4217 currency code: "EUX"',
    ),
]
"""What the project is asked to refuse."""

OTHERS = [
    # Goods
    Bad(
        "contents over 100 %",
        DECLARED,
        _goods(contents=[_content("Nd", "70"), _content("Dy", "30.1")]),
        f"{LINE}/commodity/contents",
        "more than 100 percent together",
    ),
    Bad(
        "an element twice",
        DECLARED,
        _goods(contents=[_content("Nd", "1"), _content("Dy", "2"), _content("Nd", "3")]),
        f"{LINE}/commodity/contents/2/element",
        'stands twice in contents: "Nd"',
    ),
    Bad(
        "a content of nothing",
        DECLARED,
        _goods(contents=[_content("Nd", 0)]),
        f"{LINE}/commodity/contents/0/percent",
        "must be more than 0 and at most 100: 0",
    ),
    Bad(
        "a content in endless digits",
        DECLARED,
        _goods(contents=[_content("Nd", "33.33333333333")]),
        f"{LINE}/commodity/contents/0/percent",
        "not have more than 12 digits",
    ),
    Bad(
        "a content far below any",
        DECLARED,
        _goods(contents=[_content("Nd", "1e-999999")]),
        f"{LINE}/commodity/contents/0/percent",
        "not have more than 12 digits",
    ),
    Bad(
        "an element that there is not",
        DECLARED,
        _goods(elements=["Nd", "Xx"]),
        f"{LINE}/commodity/elements/1",
        'not a chemical symbol, e.g. Dy: "Xx"',
    ),
    Bad(
        "a form that there is not",
        DECLARED,
        _goods(form="lump"),
        f"{LINE}/commodity/form",
        'not one of ore, oxide, metal, alloy, compound, target, magnet, other: "lump"',
    ),
    Bad("a code with dots", DECLARED, _goods(hs="8505.11"), f"{LINE}/commodity/hs", "digits, without dots"),
    # Masses and money
    Bad("no mass", DECLARED, _line(net_mass={"value": "0"}), f"{LINE}/net_mass", "must be more than zero"),
    Bad(
        "a mass of a part of a milligram",
        DECLARED,
        _line(net_mass={"value": "0.0005", "unit": "MGM"}),
        f"{LINE}/net_mass",
        "a whole number of milligrams, got 0.0005 MGM",
    ),
    Bad(
        "a mass in words",
        DECLARED,
        _line(net_mass={"value": "much"}),
        f"{LINE}/net_mass/value",
        'not a decimal number: "much"',
    ),
    Bad(
        "gross below net",
        DECLARED,
        _line(net_mass={"value": "2", "unit": "KGM"}, gross_mass={"value": "1999", "unit": "GRM"}),
        f"{LINE}/gross_mass",
        "gross_mass must not be less than net_mass",
    ),
    Bad(
        "a value with five decimals",
        DECLARED,
        _line(**_money("1.00001")),
        f"{LINE}/value/amount",
        'at most 14 digits before the point and 4 after it: "1.00001"',
    ),
    Bad("a value as a number", DECLARED, _line(**_money(1.5)), f"{LINE}/value/amount", "a decimal in quotes"),
    Bad("a negative value", DECLARED, _line(**_money("-1")), f"{LINE}/value/amount", "zero or more"),
    # Shipments
    Bad("no line", DECLARED, _set(lines=[]), "/data/lines", "at least 1 item, got 0"),
    Bad(
        "a line twice",
        DECLARED,
        lambda data: data["lines"].append(data["lines"][0]),
        "/data/lines/1/line_no",
        "stands twice in lines: 1",
    ),
    Bad("a country in words", DECLARED, _set(origin="China"), "/data/origin", "ISO 3166-1 alpha-2"),
    Bad("a field with a slip", DECLARED, _set(end_userr="U"), "/data/end_userr", "unknown field; perhaps end_user"),
    Bad(
        "evidence that is never valid",
        DECLARED,
        _set(evidence=[{**EVIDENCE, "valid_until": "2025-06-01T00:00:00Z"}]),
        "/data/evidence/0/valid_until",
        "valid_until must be later than valid_from",
    ),
    Bad(
        "evidence until no time there is",
        DECLARED,
        _set(evidence=[{**EVIDENCE, "valid_until": "9999-12-31T23:59:59-08:00"}]),
        "/data/evidence/0/valid_until",
        "outside the years 1 to 9999",
    ),
    # Licences
    Bad(
        "an individual licence with two end users",
        LICENCE,
        _set(end_users=["U1", "U2"]),
        "/data/end_users",
        "an individual licence has one end user",
    ),
    Bad("a certificate with a quantity", LICENCE, _set(kind="certificate"), f"{LINE}/mass", "grants no quantity"),
    Bad("no destination", LICENCE, _set(destinations=[]), "/data/destinations", "at least 1 item, got 0"),
    Bad(
        "a licence that ends before it begins",
        LICENCE,
        _set(valid_until="2025-01-01T00:00:00Z"),
        "/data/valid_until",
        "valid_until must be later than valid_from",
    ),
    Bad(
        "a time without an offset",
        LICENCE,
        _set(valid_until="2026-01-01T00:00:00"),
        "/data/valid_until",
        'has no UTC offset, e.g. Z or +08:00: "2026-01-01T00:00:00"',
    ),
    Bad("a day that there is not", LICENCE, _set(valid_until="2026-02-30T00:00:00Z"), "/data/valid_until", "in time"),
    Bad("reports after no time", LICENCE, _set(report_within_days=0), "/data/report_within_days", "from 1 to 3,660: 0"),
    Bad(
        "nothing brought forward",
        "trade.licence.use_brought_forward",
        lambda data: data.pop("mass"),
        "/data/mass",
        "mass or value must be given",
    ),
    # Quotas
    Bad(
        "a tranche outside its period",
        QUOTA,
        _set(tranches=[_tranche(), _tranche("T2", opens_at="2026-01-01T00:00:00+08:00")]),
        "/data/tranches/1/opens_at",
        'must open inside the period: "2026-01-01T00:00:00+08:00"',
    ),
    Bad(
        "a tranche that adds to a sub-limit that is not there",
        QUOTA,
        _set(sub_limits=[SUB], tranches=[_tranche(sub_limits=[{"sub_limit_id": "LIGHT", "amount": {"value": 1}}])]),
        "/data/tranches/0/sub_limits/0/sub_limit_id",
        'the quota has no such sub-limit: "LIGHT"',
    ),
    Bad(
        "two tranches of one id",
        QUOTA,
        _set(tranches=[_tranche(), _tranche()]),
        "/data/tranches/1/tranche_id",
        'stands twice in tranches: "T1"',
    ),
    Bad(
        "two sub-limits of one id",
        QUOTA,
        _set(sub_limits=[SUB, SUB]),
        "/data/sub_limits/1/sub_limit_id",
        'stands twice in sub_limits: "HEAVY"',
    ),
    Bad(
        "a share of more than the whole",
        QUOTA,
        _set(reserved_share={"end_uses": ["medical"], "percent": 101}),
        "/data/reserved_share/percent",
        "not a whole number from 0 to 100: 101",
    ),
    Bad(
        "allocations beyond 1000",
        "trade.quota.allocated",
        _set(allocations=_allocations(1001)),
        "/data/allocations",
        "at most 1,000 items, got 1,001",
    ),
    Bad("a negative tranche", RELEASED, _set(amount={"value": -1}), "/data/amount", "must not be negative, got -1 KGM"),
    # Regimes
    Bad(
        "phases out of order",
        REGIME,
        _set(
            phases=[
                {"phase_id": "2", "effective_from": "2026-01-01T00:00:00Z"},
                {"phase_id": "1", "effective_from": "2025-10-01T00:00:00Z"},
            ]
        ),
        "/data/phases/1/effective_from",
        "phases must begin one after the other",
    ),
    Bad(
        "a regime that ends before it begins",
        REGIME,
        _set(effective_until="2025-01-01T00:00:00Z"),
        "/data/effective_until",
        "effective_until must be later than effective_from",
    ),
    Bad("a regime of nothing", REGIME, _set(covers=[]), "/data/covers", "at least 1 item, got 0"),
    Bad(
        "a suspension that ends before it begins",
        "trade.regime.suspended",
        _set(suspended_until="2025-01-01T00:00:00Z"),
        "/data/suspended_until",
        "suspended_until must be later than suspended_from",
    ),
    Bad(
        "a tick beyond any day",
        "lanewatch.clock.ticked",
        _set(now="9999-01-01T00:00:00Z"),
        "/data/now",
        "must not be after the year 9000",
    ),
    # Reviews and retractions
    Bad(
        "a review without a reason",
        "trade.review.overridden",
        lambda data: data.pop("reason"),
        "/data/reason",
        "missing",
    ),
    Bad("a review with an empty reason", "trade.review.released", _set(reason=""), "/data/reason", "not a reason of 1"),
    Bad(
        "a retraction of a thing of an unknown kind",
        RETRACTED,
        _set(entity="lane:magnets:CN:DE"),
        "/data/entity",
        "not one of shipment:, licence:, quota:, regime:, policy:, price: with the id after it",
    ),
    # Prices
    Bad(
        "a price of nothing",
        PRICE,
        _set(price={"amount": "0.00", "currency": "EUR"}),
        "/data/price/amount",
        "must be above zero",
    ),
    Bad(
        "a negative price", PRICE, _set(price={"amount": "-1", "currency": "EUR"}), "/data/price/amount", "zero or more"
    ),
    Bad("a price in no currency", PRICE, _set(price={"amount": "1", "currency": "QQQ"}), "/data/price/currency", "QQQ"),
    Bad("a price for a pound", PRICE, _set(per="LBR"), "/data/per", "LBR"),
    Bad("a price of unknown goods", PRICE, lambda data: data.pop("commodity"), "/data/commodity", "missing"),
    Bad("a retraction from nowhere", RETRACTED, _set(source="/a b"), "/data/source", "a URI reference"),
]
"""Whatever else the contract refuses between the fields, and one of each kind of word."""

BAD = [*ASKED, *OTHERS]
