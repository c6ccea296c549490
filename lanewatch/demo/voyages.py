"""A shipment's life as events: declared, cleared, for some the rest of the way, and what goes wrong."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from lanewatch.demo.cells import DAY, Goods
from lanewatch.demo.figures import Figures, Followed, Some
from lanewatch.demo.licences import Licence, midnight
from lanewatch.demo.regulation import MAGNET_HS, ORIGIN, event, kilogram
from lanewatch.demo.shipments import EXPORTERS, Shipment, random_of
from shared.cloudevents import Event
from shared.events import (
    Commodity,
    ShipmentArrived,
    ShipmentCancelled,
    ShipmentCleared,
    ShipmentDeclared,
    ShipmentDelivered,
    ShipmentDeparted,
    ShipmentHeld,
    ShipmentLine,
    ShipmentMilestone,
    ShipmentRejected,
    ShipmentReleased,
)

CUSTOMS = "/customs/cn"
CARRIER = "/carrier/ocean"
PORT = "CNSHA"
RARE_EARTHS = (
    Commodity(hs="284610", elements=("Ce",), form="compound"),
    Commodity(hs="284690", elements=("La",), form="oxide"),
    Commodity(hs="280530", elements=("Nd", "Pr"), form="metal"),
)


def declared(shipment: Shipment, commodity: Commodity) -> Event[Any]:
    """Return the declaration of a shipment."""
    line = ShipmentLine(
        line_no=1, commodity=commodity, net_mass=kilogram(shipment.mass_kg), licence_id=shipment.licence_id
    )
    data = ShipmentDeclared(
        shipment_id=shipment.shipment_id,
        exporter=shipment.exporter,
        consignee=shipment.consignee,
        origin=ORIGIN,
        destination=shipment.destination,
        lines=(line,),
    )
    return event(CUSTOMS, f"{shipment.shipment_id}-declared", shipment.declared_at, data)


def milestone(kind: type[ShipmentMilestone], shipment: Shipment, at: datetime, reason: str = "") -> Event[Any]:
    """Return a step of a shipment's life."""
    step = kind.TYPE.rpartition(".")[2]
    is_at_sea = kind in (ShipmentDeparted, ShipmentArrived, ShipmentDelivered)
    place = PORT if kind in (ShipmentCleared, ShipmentDeparted) else None
    data: Any = kind(shipment_id=shipment.shipment_id, reason=reason, location=place)
    return event(CARRIER if is_at_sea else CUSTOMS, f"{shipment.shipment_id}-{step}", at, data)


def commodity_of(goods: Goods, figures: Figures, shipment_id: str) -> Commodity:
    """Return what is declared."""
    if goods == "rare-earths":
        return random_of(figures.assumed.seed.value, "commodity", shipment_id).choice(RARE_EARTHS)
    elements = ("Nd", figures.assumed.controlled_material.value) if goods == "controlled" else ("Nd",)
    return Commodity(hs=MAGNET_HS, elements=elements, form="magnet")


def voyages(shipments: Sequence[Shipment], figures: Figures, end: datetime) -> Iterator[Event[Any]]:
    """Yield the events of shipments that clear; what happens from `end` on is not told."""
    followed = figures.assumed.followed_shipments.value
    for shipment in shipments:
        yield declared(shipment, commodity_of(shipment.goods, figures, shipment.shipment_id))
        yield milestone(ShipmentCleared, shipment, shipment.cleared_at)
        chance = random_of(figures.assumed.seed.value, "way", shipment.shipment_id)
        if chance.random() < followed.share:
            yield from (step for step in _way(shipment, followed, chance.randint) if step.time < end)


def _way(shipment: Shipment, followed: Followed, draw: Any) -> Iterator[Event[Any]]:
    at = shipment.cleared_at
    for kind, days in (
        (ShipmentDeparted, followed.departs_after_days),
        (ShipmentArrived, followed.arrives_after_days),
        (ShipmentDelivered, followed.delivered_after_days),
    ):
        at += DAY * draw(*days)
        yield milestone(kind, shipment, at)


def unlicensed(figures: Figures, destinations: Sequence[str], mass_kg: int) -> Iterator[Event[Any]]:
    """Yield controlled magnets declared without a licence, and how each of them ended: none cleared."""
    plan = figures.assumed.unlicensed_declarations.value
    for number, at in enumerate(_moments(plan), start=1):
        shipment = Shipment(
            shipment_id=f"CN25-U{number:03d}",
            goods="controlled",
            destination=destinations[number % len(destinations)],
            exporter=EXPORTERS[number % len(EXPORTERS)],
            consignee=f"Consignee {destinations[number % len(destinations)]}-1",
            mass_kg=mass_kg,
            declared_at=at,
            cleared_at=at,
        )
        yield declared(shipment, commodity_of("controlled", figures, shipment.shipment_id))
        if number % 2:
            yield milestone(ShipmentRejected, shipment, at + DAY, "no export licence")
        else:
            yield milestone(ShipmentCancelled, shipment, at + 3 * DAY, "withdrawn by the exporter")


def _moments(plan: Some) -> Iterator[datetime]:
    """Yield times spread evenly over the days of a plan, in working hours."""
    days = (plan.last - plan.first).days + 1
    for number in range(plan.shipments):
        yield midnight(plan.first + DAY * (number * days // plan.shipments)) + timedelta(hours=8, minutes=number)


def stopped(shipments: Sequence[Shipment], figures: Figures) -> tuple[list[Shipment], list[Event[Any]]]:
    """Let a few shipments be held and released before they clear; return all shipments, and those events."""
    plan = figures.assumed.held_shipments.value
    pause = timedelta(hours=plan.hours)
    within = [s for s in shipments if s.goods == "uncontrolled" and plan.first <= s.cleared_at.date() <= plan.last]
    chosen = {s.shipment_id for s in within[:: max(1, len(within) // plan.shipments)][: plan.shipments]}
    events = []
    for s in within:
        if s.shipment_id in chosen:
            events.append(milestone(ShipmentHeld, s, s.cleared_at - pause, "sample taken"))
            events.append(milestone(ShipmentReleased, s, s.cleared_at - timedelta(hours=1)))
    earlier = timedelta(hours=plan.hours + 1)
    moved = [s._replace(declared_at=s.cleared_at - earlier) if s.shipment_id in chosen else s for s in shipments]
    return moved, events


def hastened(shipments: Sequence[Shipment], issued: Sequence[Licence]) -> tuple[list[Shipment], set[str]]:
    """Let the first shipment of each batch be declared on the day of its licence; return all, and their ids."""
    batch_of = {licence.licence_id: licence for licence in issued}
    first: dict[str, Shipment] = {}
    for shipment in shipments:
        licence = batch_of.get(shipment.licence_id or "")
        if licence and shipment.cleared_at >= licence.valid_from + DAY:
            first.setdefault(licence.batch_id, shipment)
    early = {s.shipment_id for s in first.values()}
    moved = [
        s._replace(declared_at=batch_of[s.licence_id or ""].valid_from + timedelta(hours=1))
        if s.shipment_id in early
        else s
        for s in shipments
    ]
    return moved, early
