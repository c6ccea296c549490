"""A few words in which cases of licensing are told by hand, to the reference or to the engine."""

from typing import Any

from shared.cloudevents import read_trade_event
from shared.masses import kg
from tests.model import world
from tests.model.engine import Reader
from tests.model.world import DYSPROSIUM, Data, What, day, mass, money

LINE = "licence:L1:1"


def evidence(until: int) -> list[Data]:
    return [{"kind": "origin", "reference": "D", "valid_from": day(-5), "valid_until": day(until)}]


class Play:
    """Gives events to an engine and remembers them by name."""

    def __init__(self, books: Reader) -> None:
        self.books = books
        self.count = 0

    def give(self, kind: str, at: int, /, **data: Any) -> str:
        self.count += 1
        return self.send(world.event_body(f"e{self.count - 1}", What(kind, data), at))

    def send(self, body: bytes) -> str:
        event = read_trade_event(body)
        self.books.apply(event)
        return event.name

    def retract(self, entity: str, name: str) -> str:
        """Take back an event, given by its name."""
        source, of = name.split(" ")
        return self.give("event.retracted", 0, entity=entity, source=source, id=of)

    def tick(self, at: int) -> None:
        self.count += 1
        self.send(world.event_body(f"t{self.count}", What("lanewatch.clock.ticked", {"now": day(at)}), at))

    def regime(self, kind: str = "announced", **over: Any) -> str:
        covers = [{"hs": ["8505"], "elements": ["Dy"]}]
        terms = {"regime_id": "R1", "authority": "A", "title": "R1", "origin": "CN", "covers": covers}
        return self.give(f"regime.{kind}", 0, **{**terms, "effective_from": day(-60), **over})

    def licence(self, mass_kg: int, at: int = 0, kind: str = "issued", **over: Any) -> str:
        lines = [{"line_no": 1, "covers": {"hs": ["8505"]}, "mass": mass(mass_kg)}]
        terms = {"licence_id": "L1", "authority": "A", "exporter": "X", "origin": "CN", "destinations": ["DE"]}
        dates = {"valid_from": day(-30), "valid_until": day(300)}
        return self.give(f"licence.{kind}", at, **{**terms, **dates, "lines": lines, **over})

    def quota(self, mass_kg: int, **over: Any) -> str:
        terms = {"quota_id": "Q1", "authority": "A", "title": "Q1", "origin": "CN", "covers": [{"hs": ["8505"]}]}
        dates = {"period_start": day(-60), "period_end": day(300)}
        return self.give("quota.opened", 0, **{**terms, **dates, "initial": mass(mass_kg), **over})

    def ship(self, name: str, mass_kg: int | str, at: int = 1, kind: str = "declared", **over: Any) -> str:
        goods, licence = over.pop("goods", DYSPROSIUM), over.pop("licence", "L1")
        line: Data = {"line_no": 1, "commodity": goods, "net_mass": mass(mass_kg), "value": money(100)}
        if licence:
            line["licence_id"] = licence
        data = {"shipment_id": name, "exporter": "X", "consignee": "C", "origin": "CN", "destination": "DE"}
        return self.give(f"shipment.{kind}", at, **{**data, "lines": [line], **over})

    def step(self, name: str, kind: str, at: int = 2) -> str:
        return self.give(f"shipment.{kind}", at, shipment_id=name)

    def review(self, name: str, kind: str, at: int = 3) -> str:
        return self.give(f"review.{kind}", at, shipment_id=name, officer="O", reason="seen")

    def sums(self, account: str = LINE) -> tuple[int, ...]:
        """Return granted, reserved and written off in whole kilograms."""
        return tuple(int(kg(mass_mg)) for mass_mg in self.books.accounts().get(account, (0, 0, 0)))

    def outcomes(self, *names: str) -> list[str | None]:
        return [self.books.outcome(name) for name in names]

    def ended(self, *names: str) -> list[str]:
        return [self.books.endings()[name] for name in names]
