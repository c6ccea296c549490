"""Makes a log of trade events as a busy authority's would be: licences and the lives of shipments.

Lives are pressed into hours, so that the log of one day holds whole ones. The same seed gives the
same log; another tag gives the same lives under other names, another start on other days.
"""

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

START = datetime(2025, 6, 2, tzinfo=UTC)
SPAN = timedelta(hours=24)
PAST = START - timedelta(days=40)
"""When the stock was issued and used: under the regimes, and before the quotas' period."""
DESTINATIONS = ("DE", "JP", "US", "KR", "VN", "IN", "FR", "IT", "TH", "MY", "PL", "CZ", "HU", "MX", "BR")
END_USES = ("automotive", "wind-power", "medical", "robotics", "research")
CONTROLLED = ("Sm", "Gd", "Tb", "Dy", "Lu", "Sc", "Y", "Ho", "Er", "Tm", "Eu", "Yb")
FORMS = ("magnet", "metal", "oxide", "compound", "alloy", "target")
GOODS = (
    (0.55, {"hs": "850511", "elements": ["Nd", "Dy"], "form": "magnet", "control_code": "1C902"}),
    (0.15, {"hs": "850511", "elements": ["Nd"], "form": "magnet"}),
    (0.20, {"hs": "284690", "elements": ["Tb"], "form": "oxide", "control_code": "1C904"}),
    (0.10, {"hs": "280530", "elements": ["Ho", "Er"], "form": "metal", "control_code": "1C906"}),
)
UNCONTROLLED = GOODS[1][1]
EXPORTERS = 60
STOCK_SHARE = 0.01
"""Licences issued before the first shipment, as a share of the log's events."""
LICENCE_SHARE = 0.06
"""Of what arrives: new licences; the rest are declarations."""
STOCK_SHIPMENTS = (4, 4, 5, 5)
"""So many shipments drew on a licence of the past."""
LATE_SHARE = 0.02
"""Of the declarations that need a licence: it is issued only some minutes later."""
EVENTS_PER_ARRIVAL = 3.2
"""About so many events follow from each arrival, itself included."""
LIVES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.50, ("cleared", "departed")),
    (0.20, ("cleared", "departed", "arrived", "delivered")),
    (0.14, ("cleared",)),
    (0.06, ("held", "released", "cleared", "departed")),
    (0.05, ("cancelled",)),
    (0.03, ("cleared", "cancelled")),
    (0.02, ("rejected",)),
)
"""How often a shipment goes through which milestones."""
LICENCE_LIVES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.85, ()),
    (0.10, ("amended",)),
    (0.04, ("suspended", "reinstated")),
    (0.01, ("revoked",)),
)

Content = tuple[str, dict[str, Any]]
"""An event's type and data."""


@dataclass(frozen=True)
class Permit:
    """What the log knows of a licence that it issued or is about to."""

    licence_id: str
    exporter: str
    destinations: tuple[str, ...]
    goods: dict[str, Any]
    mass_kg: int

    def terms(self, factor: int = 1) -> dict[str, Any]:
        """Return the licence's terms, with so many times its mass."""
        covers = {"hs": [self.goods["hs"]], "forms": [self.goods["form"]]}
        mass = {"value": str(self.mass_kg * factor), "unit": "KGM"}
        return {
            "licence_id": self.licence_id,
            "authority": "MOFCOM",
            "exporter": self.exporter,
            "origin": "CN",
            "destinations": self.destinations,
            "valid_from": _stamp(START - timedelta(days=90)),
            "valid_until": _stamp(START + timedelta(days=700)),
            "lines": [{"line_no": 1, "covers": covers, "mass": mass}],
        }


@dataclass
class Day:
    """A day in the making: the licences there are, and what will happen when."""

    tag: str
    chance: random.Random
    permits: list[Permit] = field(default_factory=list)
    agenda: list[tuple[datetime, int, Content]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def plan(self, at: datetime, kind: str, data: dict[str, Any]) -> None:
        """Let something happen."""
        heapq.heappush(self.agenda, (at, next(self._order), (kind, data)))

    def later(self, at: datetime, minutes: int) -> datetime:
        """Return a moment up to so many minutes later."""
        return at + timedelta(seconds=self.chance.randint(60, minutes * 60))

    def name(self, kind: str) -> str:
        """Return a new name; all are of one length."""
        return f"{kind}-{self.tag}-{next(self._numbers):08d}"

    def pick(self, shares: tuple[tuple[float, Any], ...]) -> Any:
        """Return one of the values, each as often as its share says."""
        return self.chance.choices([value for _, value in shares], [share for share, _ in shares])[0]


def make_log(
    events: int, tag: str, *, seed: int = 1, start: datetime = START, stock: Sequence[Permit] = ()
) -> list[bytes]:
    """Return so many events in the order of their times, as JSON bodies. They need the events of `registers`.

    `stock`: licences of former days, which shipments name too.
    """
    day = Day(tag, random.Random(seed), list(stock))  # noqa: S311 - a seeded stream is the point
    for _ in range(max(20, int(events * STOCK_SHARE))):
        _plan_licence(day, start)
    for hour in range(1, int(SPAN / timedelta(hours=1)) + 1):
        day.plan(start + timedelta(hours=hour), *_tick(start + timedelta(hours=hour)))
    at, step, bodies = start, SPAN / (events / EVENTS_PER_ARRIVAL), list[bytes]()
    while len(bodies) < events:
        at += step
        if day.chance.random() < LICENCE_SHARE:
            _plan_licence(day, at)
        else:
            _plan_shipment(day, at)
        while day.agenda and day.agenda[0][0] <= at:
            moment, _, content = heapq.heappop(day.agenda)
            bodies.append(_body(day.name("E"), moment, content))
    return bodies[:events]


def make_stock(licences: int, tag: str, *, seed: int = 0) -> tuple[list[bytes], list[Permit]]:
    """Return so many licences of the past, and the events in which they were issued and drawn on."""
    day = Day(tag, random.Random(seed))  # noqa: S311 - as above
    for _ in range(licences):
        permit = _plan_licence(day, PAST)
        for _ in range(day.chance.choice(STOCK_SHIPMENTS) if permit.goods is not UNCONTROLLED else 0):
            shipment_id, at = day.name("S"), day.later(PAST, 1200)
            day.plan(at, "trade.shipment.declared", _declaration(day, shipment_id, permit, permit.goods))
            for step in ("cleared", "departed"):
                at = day.later(at, 60)
                day.plan(at, f"trade.shipment.{step}", {"shipment_id": shipment_id, "location": "CNSHA"})
    found = (heapq.heappop(day.agenda) for _ in range(len(day.agenda)))
    return [_body(day.name("E"), at, content) for at, _, content in found], day.permits


def registers(start: datetime = START) -> list[bytes]:
    """Return regimes and quotas that are in force at the start, and the time itself."""
    at, quarter = START - timedelta(days=400), START - timedelta(days=30)
    found = [_regime("R-1", CONTROLLED, at), _regime("R-2", ("Ho", "Er", "Tm", "Eu", "Yb"), at)]
    found += [_quota("Q-1", "850511", quarter), _quota("Q-2", "284690", quarter)]
    bodies = [_body(f"register-{n}", at, content) for n, content in enumerate(found)]
    return [*bodies, _body(f"start-{start.isoformat()}", start, _tick(start))]


def _body(name: str, at: datetime, content: Content) -> bytes:
    kind, data = content
    head = {"specversion": "1.0", "id": name, "source": "/customs/cn", "type": kind, "time": _stamp(at)}
    return msgspec.json.encode({**head, "datacontenttype": "application/json", "data": data})


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _tick(at: datetime) -> Content:
    return "lanewatch.clock.ticked", {"now": _stamp(at)}


def _regime(regime_id: str, elements: tuple[str, ...], at: datetime) -> Content:
    return "trade.regime.announced", {
        "regime_id": regime_id,
        "authority": "MOFCOM",
        "title": f"Control programme {regime_id}",
        "origin": "CN",
        "covers": [{"elements": elements, "forms": FORMS}],
        "effective_from": _stamp(at),
    }


def _quota(quota_id: str, hs: str, at: datetime) -> Content:
    return "trade.quota.opened", {
        "quota_id": quota_id,
        "authority": "MIIT",
        "title": f"Goods of {hs}",
        "origin": "CN",
        "covers": [{"hs": [hs]}],
        "period_start": _stamp(at),
        "period_end": _stamp(at + timedelta(days=700)),
        "initial": {"value": "900000000", "unit": "KGM"},
    }


def _plan_licence(day: Day, at: datetime) -> Permit:
    chance = day.chance
    goods = day.pick(GOODS)
    destinations = tuple(sorted(chance.sample(DESTINATIONS, chance.choice((1, 1, 2, 3)))))
    exporter = f"EXP-{min(chance.randrange(EXPORTERS), chance.randrange(EXPORTERS)):03d}"
    permit = Permit(day.name("L"), exporter, destinations, goods, chance.randrange(2_000, 60_000, 500))
    day.permits.append(permit)
    day.plan(at, "trade.licence.issued", permit.terms())
    for step in day.pick(LICENCE_LIVES):
        at = day.later(at, 600)
        data = permit.terms(2) if step == "amended" else {"licence_id": permit.licence_id, "reason": "review"}
        day.plan(at, f"trade.licence.{step}", data)
    return permit


def _plan_shipment(day: Day, at: datetime) -> None:
    shipment_id = day.name("S")
    goods, permit = day.pick(GOODS), day.chance.choice(day.permits)
    if goods is not UNCONTROLLED:
        # A few name a licence that is issued only afterwards.
        permit = _plan_licence(day, day.later(at, 30)) if day.chance.random() < LATE_SHARE else permit
        goods = permit.goods
    day.plan(at, "trade.shipment.declared", _declaration(day, shipment_id, permit, goods))
    for step in day.pick(LIVES):
        at = day.later(at, 60)
        day.plan(at, f"trade.shipment.{step}", {"shipment_id": shipment_id, "location": "CNSHA"})


def _declaration(day: Day, shipment_id: str, permit: Permit, goods: dict[str, Any]) -> dict[str, Any]:
    chance = day.chance
    lines = [_line(day, number, goods, permit.licence_id) for number in range(1, chance.choice((2, 2, 2, 3)))]
    is_astray = chance.random() < LATE_SHARE
    return {
        "shipment_id": shipment_id,
        "exporter": permit.exporter,
        "consignee": f"CON-{chance.randrange(900):04d}",
        "end_user": f"USER-{chance.randrange(2_000):05d}",
        "end_use": chance.choice(END_USES),
        "origin": "CN",
        "destination": chance.choice(DESTINATIONS if is_astray else permit.destinations),
        "port": "CNSHA",
        "lines": lines,
    }


def _line(day: Day, number: int, goods: dict[str, Any], licence_id: str) -> dict[str, Any]:
    mass_kg = day.chance.randrange(20, 1_200)
    return {
        "line_no": number,
        "commodity": goods,
        "net_mass": {"value": f"{mass_kg}.{day.chance.randrange(1000):03d}", "unit": "KGM"},
        "gross_mass": {"value": str(mass_kg + 60), "unit": "KGM"},
        "value": {"amount": str(mass_kg * 68), "currency": "USD"},
        "licence_id": licence_id,
    }
