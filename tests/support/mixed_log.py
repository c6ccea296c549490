"""A log in which everything happens that can: the story of 2025, meddled with, out of order and more than once."""

import json
import random
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from lanewatch.demo.figures import read_figures
from lanewatch.demo.story import tell
from shared.cloudevents import read_trade_event, write
from tests.support.trade import declared, event, licence, milestone, price, quota, rule, rulebook

SCALE = 20.0
"""So many times as large are the shipments, and about so many times fewer."""
LATE = ((0.05, 100), (0.01, 1500))
"""How often an event comes late, and after how many others at the most; a day has some twenty."""
AGAIN = 0.03

Placed = tuple[float, bytes]
"""An event and its place among the story's."""


@cache
def mixed_log(seed: int = 2025) -> tuple[bytes, ...]:
    """Return about 8,000 events of a year; the same seed gives the same."""
    chance = random.Random(seed)  # noqa: S311 - a reproducible log, no secret
    story = [(one.time, json.loads(write(one))) for one in tell(read_figures(), SCALE).events]
    times = sorted(at for at, _ in story)
    placed: list[Placed] = [(place, json.dumps(body).encode()) for place, (_, body) in enumerate(story)]
    for place, (at, body) in enumerate(story):
        placed += [(place + chance.randint(1, 200), more) for more in _meddling(body, at, chance)]
    for body in _of_the_law():
        placed.append((bisect_left(times, read_trade_event(body).time), body))
    return tuple(body for _, body in sorted(_disordered(placed, chance), key=lambda one: one[0]))


def _disordered(placed: list[Placed], chance: random.Random) -> Iterator[Placed]:
    for place, body in placed:
        late = next((chance.randint(1, most) for share, most in LATE if chance.random() < share), 0)
        yield place + late, body
        if chance.random() < AGAIN:
            yield place + late + chance.randint(0, 300), body


def _meddling(body: dict[str, Any], at: datetime, chance: random.Random) -> list[bytes]:
    """Return what else happens because of an event of the story, often nothing."""
    later = (at + timedelta(hours=chance.randint(1, 60))).isoformat()
    roll = chance.random()
    match body["type"].removeprefix("trade."):
        case "shipment.declared":
            return _to_shipment(body, later, roll)
        case "shipment.cleared":
            return _to_clearance(body, later, roll)
        case "licence.issued":
            return _to_licence(body["data"], later, roll)
    return []


def _to_shipment(body: dict[str, Any], later: str, roll: float) -> list[bytes]:
    data, ship = body["data"], body["data"]["shipment_id"]
    if roll < 0.05:
        lines = [line | {"net_mass": {"value": "17000.5", "unit": "KGM"}} for line in data["lines"]]
        over = {"lines": lines, "reason": "weighed again"}
        return [event("trade.shipment.corrected", {**data, **over}, time=later, id=f"{ship}-corrected")]
    if roll < 0.08:
        return [_retraction(f"shipment:{ship}", body, later)]
    if roll < 0.20:
        step = ("released", "rejected", "overridden")[int(roll * 1000) % 3]
        said = {"shipment_id": ship, "officer": "officer-1", "reason": "seen"}
        return [event(f"trade.review.{step}", said, time=later, id=f"{ship}-{step}-by-officer")]
    if roll < 0.21:
        return [json.dumps(body | {"time": later}).encode()]
    return []


def _to_clearance(body: dict[str, Any], later: str, roll: float) -> list[bytes]:
    ship = body["data"]["shipment_id"]
    if roll < 0.03:
        return [_retraction(f"shipment:{ship}", body, later)]
    if roll < 0.06:
        return [milestone(ship, step, time=later, id=f"{ship}-{step}-again") for step in ("released", "held")]
    return [milestone(ship, "cancelled", time=later, id=f"{ship}-cancelled-late")] if roll < 0.08 else []


def _to_licence(data: dict[str, Any], later: str, roll: float) -> list[bytes]:
    name = data["licence_id"]

    def step(kind: str, **over: Any) -> bytes:
        return event(f"trade.licence.{kind}", {"licence_id": name, **over}, time=later, id=f"{name}-{kind}")

    if roll < 0.3:
        return [step("suspended"), step("reinstated")]
    if roll < 0.5:
        half = [line | {"mass": {"value": "400000", "unit": "KGM"}} for line in data["lines"]]
        return [event("trade.licence.amended", {**data, "lines": half}, time=later, id=f"{name}-amended")]
    if roll < 0.7:
        return [step("use_brought_forward", line_no=1, mass={"value": "9000", "unit": "KGM"})]
    return [step("revoked" if roll < 0.8 else "surrendered")] if roll < 0.9 else []


def _retraction(entity: str, body: dict[str, Any], later: str) -> bytes:
    data = {"entity": entity, "source": body["source"], "id": body["id"], "reason": "twice in the books"}
    return event("trade.event.retracted", data, time=later, id=f"{body['id']}-retracted")


def _of_the_law() -> Iterator[bytes]:
    """Yield what regulators do besides: quotas, a regime's changes, monitoring rules, and a lane that falls silent."""
    numbers = count(1)

    def on(day: str, kind: str, **data: Any) -> bytes:
        return event(f"trade.{kind}", data, time=f"2025-{day}T00:00:00Z", id=f"law-{next(numbers)}")

    def tonnes(amount: int) -> dict[str, str]:
        return {"value": str(amount), "unit": "TNE"}

    yield from _rulebooks()
    yield from _silent_lane()
    yield from _prices()
    for country, kg, terms in (
        ("TR", "300000", {"critical_percent": 60, "monthly_cap": tonnes(200)}),
        ("MX", "5000000", {"is_allocated": True}),
        ("GB", "400000", {"allocation": "pro_rata", "period_start": "2025-03-03T00:00:00Z"}),
    ):
        yield quota(f"Q-{country}", kg=kg, destinations={"include": [country]}, **terms, id=f"Q-{country}-opened")
    shares = [{"exporter": f"Exporter {letter}", "amount": tonnes(250)} for letter in "ABCDEF"]
    yield on("02-01", "quota.allocated", quota_id="Q-MX", allocations=shares)
    yield on("03-01", "quota.returned", quota_id="Q-MX", exporter="Exporter A", amount=tonnes(40))
    yield on("05-20", "quota.tranche_released", quota_id="Q-TR", tranche_id="T2", amount=tonnes(900))
    for day, step in (("07-01", "blocked"), ("07-06", "reopened"), ("08-01", "suspended"), ("08-20", "reopened")):
        yield on(day, f"quota.{step}", quota_id="Q-TR")
    yield on("11-20", "quota.closed", quota_id="Q-TR")
    for day, step in (("10-20", "reinstated"), ("12-20", "ended")):
        yield on(day, f"regime.{step}", regime_id="CN-2025-18")
    yield from _amended_regime()
    span = {"suspended_from": "2025-10-12T00:00:00Z", "suspended_until": "2025-10-25T00:00:00Z"}
    yield on("10-11", "regime.suspended", regime_id="CN-2025-18", **span)


def _amended_regime() -> Iterator[bytes]:
    (announced,) = (one for one in tell(read_figures(), SCALE).events if one.id == "no-55-announced")
    data = {**json.loads(write(announced))["data"], "title": "No. 55, corrected"}
    yield event("trade.regime.amended", data, time="2025-10-15T00:00:00Z", id="no-55-amended")


def _rulebooks() -> Iterator[bytes]:
    heavy = rule("heavy", "shipment.net_mass_mg > mass('20 t')", "note", severity="warning")
    to_turkey = rule("turkey", "shipment.destination == 'TR' && shipment.net_mass_mg > mass('15 t')", "hold")
    for number, (day, rules) in enumerate((("2025-01-20", (heavy,)), ("2025-06-10", (heavy, to_turkey))), 1):
        yield rulebook(f"v{number}", *rules, time=f"{day}T00:00:00Z", id=f"rulebook-{number}")


def _silent_lane() -> Iterator[bytes]:
    yield licence("L-AT", destinations=["AT"], time="2025-05-02T00:00:00Z", id="L-AT-issued")
    yield licence("L-AP", destinations=["AT"], time="2025-05-02T00:00:00Z", id="L-AP", kind="trade.licence.applied")
    for number in range(1, 5):
        ship, time = f"AT-{number}", f"2025-05-{number + 4:02d}T08:00:00Z"
        yield declared(ship, destination="AT", licence_id="L-AT", kg="20", time=time, id=f"{ship}-declared")
        yield milestone(ship, "cleared", time=time, id=f"{ship}-cleared")


def _prices() -> Iterator[bytes]:
    """Yield a year of prices that swing wildly in autumn; one of them was wrong and is taken back."""
    chance, at, day = random.Random(2025), 100.0, datetime(2025, 1, 1, 8, tzinfo=UTC)  # noqa: S311 - reproducible
    for number in range(360):
        at *= 1 + chance.gauss(0, 0.06 if 250 < number < 290 else 0.01)
        wrong = number == 150
        yield price(
            f"{at * (10 if wrong else 1):.2f}", time=(day + timedelta(number)).isoformat(), id=f"price-{number}"
        )
    data = {"entity": "price:dy-magnets", "source": "/test", "id": "price-150", "reason": "a digit too many"}
    yield event("trade.event.retracted", data, time="2025-06-20T00:00:00Z", id="price-150-retracted")
