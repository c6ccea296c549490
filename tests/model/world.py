"""A small world in which everything collides: what may happen in it, as events."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Data = dict[str, Any]


class What:
    """An event's type, without the prefix that most have, and its data; short when a failure is shown."""

    def __init__(self, kind: str, data: Data) -> None:
        self.kind, self.data = kind, data

    def __repr__(self) -> str:
        return f"{self.kind} {json.dumps(self.data)}".replace('"', "")


START = datetime(2025, 3, 10, 8, tzinfo=UTC)
SHIPMENTS = [f"S{n}" for n in range(12)]
LICENCES = {"L1": ("A", "X", "individual"), "L2": ("A", "Y", "single_use"), "L3": ("B", "X", "general")}
QUOTAS = ["Q1", "Q2"]
REGIMES = {"R1": "A", "R2": "B"}
LATENESS = st.sampled_from([0, 0, 0, 0, 1, 3, -1, -2, -6, -20])
"""Days between the present and an event's time."""

DYSPROSIUM = {
    "hs": "850511",
    "elements": ["Dy"],
    "form": "magnet",
    "contents": [{"element": "Dy", "percent": "33.333"}],
}
NEODYMIUM = {"hs": "850511", "elements": ["Nd"], "form": "magnet"}
UNDECLARED = {"hs": "850511", "form": "magnet"}
GOODS = st.sampled_from([*[DYSPROSIUM] * 8, NEODYMIUM, UNDECLARED])


def day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def mass(kg: int | str) -> Data:
    return {"value": str(kg), "unit": "KGM"}


def money(amount: int, currency: str = "EUR") -> Data:
    return {"amount": str(amount), "currency": currency}


def event_body(id: str, what: What, at: int) -> bytes:
    """Return the event as it came, so many days after the start."""
    kind = what.kind if what.kind.startswith("lanewatch.") else f"trade.{what.kind}"
    head = {"specversion": "1.0", "id": id, "source": "/test", "type": kind, "time": day(at)}
    return json.dumps({**head, "data": what.data}).encode()


def _picks(*choices: Any) -> SearchStrategy[Any]:
    return st.sampled_from(choices)


@st.composite
def regimes(draw: st.DrawFn, kind: str) -> What:
    regime_id = draw(_picks("R1", "R1", "R2"))
    data: Data = {
        "regime_id": regime_id,
        "authority": REGIMES[regime_id],
        "title": regime_id,
        "origin": "CN",
        "covers": [{"hs": ["8505"], "elements": ["Dy"]}],
        "effective_from": day(draw(_picks(*[-60] * 6, 4))),
        "requires": draw(_picks(*["licence"] * 7, "registration", "prohibition", "nothing")),
        "barred_end_uses": ["military"],
        "exempt_end_uses": ["relief"],
    }
    if regime_id == "R2":
        data["destinations"] = {"include": ["VN"]}
        data["beyond_value"] = draw(_picks("deny", "warn"))
        data["value_tolerance"] = draw(_picks({}, {"of": "line", "percent": 10}, {"of": "balance", "percent": 20}))
    else:
        data["beyond_mass"] = draw(_picks("deny", "deny", "warn"))
        data["mass_tolerance"] = draw(_picks({}, {"of": "line", "percent": 10}, {"of": "balance", "percent": 20}))
        data["needs_evidence"] = draw(_picks([], ["origin"]))
        data["max_validity"] = draw(_picks(*[[]] * 5, [{"kind": "individual", "months": 3}]))
        free: Data = {"phase_id": "P2", "effective_from": day(8), "requires": "nothing"}
        nearer: Data = {"phase_id": "P3", "effective_from": day(12), "destinations": {"include": ["VN"]}}
        data["phases"] = draw(_picks([], [], [], [free, nearer]))
    return What(f"regime.{kind}", data)


@st.composite
def licences(draw: st.DrawFn, kind: str, licence_id: str | None = None) -> What:
    licence_id = licence_id or draw(st.sampled_from(list(LICENCES)))
    authority, exporter, of_kind = LICENCES[licence_id]
    begins = draw(_picks(*[-30] * 6, 5))
    lines: list[Data] = [{"line_no": 1, "covers": {"hs": ["8505"]}, "mass": mass(draw(_picks(60, 150, 300)))}]
    if licence_id == "L3":
        lines[0]["value"] = money(draw(_picks(500, 1500)))
        lines.append({"line_no": 2, "covers": {"elements": ["Dy"]}, "mass": mass(draw(_picks(40, 60)))})
    data: Data = {
        "licence_id": licence_id,
        "kind": of_kind,
        "authority": authority,
        "exporter": exporter,
        "origin": "CN",
        "destinations": ["DE", "VN"],
        "end_uses": draw(_picks(*[[]] * 4, ["civil", "priority"])),
        "needs_evidence": draw(_picks([], [], ["mine"])),
        "valid_from": day(begins),
        "valid_until": day(draw(_picks(25, 60, 400, 400))),
        "lines": lines,
    }
    return What(f"licence.{kind}", data)


@st.composite
def licence_steps(draw: st.DrawFn) -> What:
    steps = [*["suspended"] * 6, *["reinstated"] * 8, "revoked", "surrendered"]
    return What(f"licence.{draw(st.sampled_from(steps))}", {"licence_id": draw(st.sampled_from(list(LICENCES)))})


def batches() -> SearchStrategy[What]:
    bodies = [{"batch_id": one, "authority": "A", "title": one, "origin": "CN"} for one in ("B1", "B2")]
    return st.sampled_from([What("licence.batch_issued", body) for body in bodies])


@st.composite
def uses_brought_forward(draw: st.DrawFn) -> What:
    data: Data = {"licence_id": draw(st.sampled_from(list(LICENCES))), "line_no": draw(_picks(1, 1, 1, 2))}
    data["mass"] = mass(draw(_picks(5, 20, 60, 120)))
    if data["licence_id"] == "L3" and data["line_no"] == 1 and draw(st.booleans()):
        data["value"] = money(draw(_picks(50, 400)))
    return What("licence.use_brought_forward", data)


@st.composite
def regime_steps(draw: st.DrawFn) -> What:
    step = draw(_picks(*["suspended"] * 3, *["reinstated"] * 5, "ended"))
    data: Data = {"regime_id": draw(_picks("R1", "R2"))}
    if step == "suspended":
        begins = draw(_picks(-5, 0, 5, 10))
        data["suspended_from"] = day(begins)
        if draw(st.booleans()):
            data["suspended_until"] = day(begins + 10)
    return What(f"regime.{step}", data)


@st.composite
def quotas(draw: st.DrawFn, quota_id: str | None = None) -> What:
    quota_id = quota_id or draw(st.sampled_from(QUOTAS))
    data: Data = {
        "quota_id": quota_id,
        "authority": "A",
        "title": quota_id,
        "origin": "CN",
        "covers": [{"hs": ["8505"]}],
        "period_start": day(-60),
        "period_end": day(draw(_picks(40, 400))),
        "initial": mass(draw(_picks(60, 250, 500))),
    }
    if quota_id == "Q1":
        data["sub_limits"] = [
            {"sub_limit_id": "dy", "covers": [{"elements": ["Dy"]}], "initial": mass(draw(_picks(50, 200)))}
        ]
        data["reserved_share"] = {"end_uses": ["priority"], "percent": 33}
        data["monthly_cap"] = mass(200)
    else:
        data["destinations"] = {"include": ["VN"]}
        data["measure"] = draw(_picks("net", "metal"))
        data["is_allocated"] = True
        allocations = [{"exporter": "X", "amount": mass(80)}, {"exporter": "Y", "amount": mass(50)}]
        tranche: Data = {"tranche_id": "T1", "opens_at": day(draw(_picks(-10, 8, 20))), "amount": mass(150)}
        data["tranches"] = [{**tranche, "allocations": allocations}]
    return What("quota.opened", data)


@st.composite
def quota_steps(draw: st.DrawFn) -> What:
    step = draw(_picks(*["blocked"] * 4, "suspended", "closed", *["reopened"] * 6))
    return What(f"quota.{step}", {"quota_id": draw(st.sampled_from(QUOTAS))})


@st.composite
def tranches(draw: st.DrawFn) -> What:
    quota_id = draw(st.sampled_from(QUOTAS))
    data: Data = {"quota_id": quota_id, "tranche_id": draw(_picks("T2", "T3")), "amount": mass(draw(_picks(20, 50)))}
    opens = draw(_picks(None, 0, 10, 20))
    if opens is not None:
        data["opens_at"] = day(opens)
    if quota_id == "Q1":
        data["sub_limits"] = draw(_picks([], [{"sub_limit_id": "dy", "amount": mass(30)}]))
    else:
        data["allocations"] = draw(_picks([], [{"exporter": "Y", "amount": mass(20)}]))
    return What("quota.tranche_released", data)


@st.composite
def allocations(draw: st.DrawFn) -> What:
    exporter, amount = draw(_picks("X", "Y")), mass(draw(_picks(10, 25)))
    if draw(st.booleans()):
        return What("quota.returned", {"quota_id": "Q2", "exporter": exporter, "amount": amount})
    return What("quota.allocated", {"quota_id": "Q2", "allocations": [{"exporter": exporter, "amount": amount}]})


@st.composite
def declarations(draw: st.DrawFn, kind: str) -> What:
    exporter = draw(_picks("X", "X", "Y"))
    destination = draw(_picks("DE", "DE", "VN"))
    lines = [draw(_lines(number, exporter, destination)) for number in range(1, draw(_picks(2, 2, 2, 2, 3)))]
    kinds = draw(_picks([], ["origin"], *[["origin", "mine"]] * 4))
    valid_until = day(draw(_picks(4, 12, 30, 400)))
    evidence = [{"kind": one, "reference": "D", "valid_from": day(-90), "valid_until": valid_until} for one in kinds]
    data = {
        "shipment_id": draw(st.sampled_from(SHIPMENTS)),
        "exporter": exporter,
        "consignee": "C",
        "end_use": draw(_picks(*["civil"] * 6, *["priority"] * 4, "military", "relief")),
        "origin": "CN",
        "destination": destination,
        "evidence": evidence,
        "lines": lines,
    }
    return What(f"shipment.{kind}", data)


@st.composite
def _lines(draw: st.DrawFn, number: int, exporter: str, destination: str) -> Data:
    usual = {"X": ["L1"], "Y": ["L2"]}[exporter] + (["L3"] if destination == "VN" else [])
    names = draw(st.sampled_from([*[usual] * 10, ["L3"], ["L2"], []]))
    line: Data = {
        "line_no": number,
        "commodity": draw(GOODS),
        "net_mass": mass(draw(_picks(*["5", "10", "25"] * 3, "40", "60", "110", "33.333333"))),
        "value": money(draw(_picks(50, 90, 200, 450, 1100)), draw(_picks(*["EUR"] * 12, "USD"))),
    }
    if names:
        line |= {"licence_id": names[0], "other_licence_ids": names[1:]}
    return line


@st.composite
def milestones(draw: st.DrawFn) -> What:
    steps = [*["cleared"] * 5, "held", "released", "departed", "arrived", "delivered"]
    step = draw(st.sampled_from([*steps, "rejected", "cancelled", "cancelled"]))
    return What(f"shipment.{step}", {"shipment_id": draw(st.sampled_from(SHIPMENTS))})


@st.composite
def reviews(draw: st.DrawFn) -> What:
    step = draw(_picks("released", "overridden", "rejected"))
    return What(f"review.{step}", {"shipment_id": draw(st.sampled_from(SHIPMENTS)), "officer": "O", "reason": "seen"})
