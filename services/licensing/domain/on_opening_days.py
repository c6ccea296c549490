"""What was asked of a pro-rata quota on the day on which it opened, decided together when that day is over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.licensing.domain.book import Book, Ending, Parked
from services.licensing.domain.concluding import conclude, judged
from services.licensing.domain.measuring import Unmeasurable, measured
from services.licensing.domain.on_shipments import undecided
from services.licensing.domain.quotas import share_out
from shared.cloudevents import Event, entity_key
from shared.errors import PermanentError
from shared.events import (
    ShipmentDeclared,
)


def on_shared_out(book: Book, requests: list[Parked], at: datetime) -> list[tuple[Event[Any], Ending]]:
    """Decide what was asked on a pro-rata day, in the order in which it came, each with its share."""
    _, quota_id, _ = _allotment(requests[0].waiting_for)
    quota = book.quotas[quota_id]
    # A declaration that came again under another id asks for nothing more.
    first: dict[str, str] = {}
    for parked in requests:
        first.setdefault(entity_key(parked.event), parked.event.name)
    asked = [
        ((parked.event, line.line_no), mass_mg)
        for parked in requests
        if isinstance(parked.event.data, ShipmentDeclared) and first[entity_key(parked.event)] == parked.event.name
        for line in parked.event.data.lines
        if quota.concerns(parked.event.data, line.commodity)
        and (mass_mg := _mass_or_none(book, line, quota.terms.measure)) is not None
    ]
    shares = share_out([mass_mg for _, mass_mg in asked], book.account(quota.account_id).left)
    found: list[tuple[Event[Any], Ending]] = []
    for parked in requests:
        mine = {
            (quota_id, line_no): share
            for ((event, line_no), _), share in zip(asked, shares, strict=True)
            if event is parked.event
        }
        found.append((parked.event, _decide_with_share(book, parked.event, mine, at)))
    return found


def _decide_with_share(book: Book, event: Event[Any], shares: Mapping[tuple[str, int], int], at: datetime) -> Ending:
    try:
        shipment = undecided(book, event)
    except PermanentError as error:
        return Ending("dead", error.reason, None, error.pointer)
    verdict = judged(book, shipment, event.name, shares)
    if verdict.outcome is None:
        return Ending("parked", "", verdict.awaits[0].key, None, verdict.awaits[0].until)
    return conclude(book, shipment, verdict, at, event.name)


def _allotment(waiting_for: str) -> tuple[str, str, str]:
    kind, _, rest = waiting_for.partition(":")
    quota_id, _, day = rest.rpartition(":")
    return kind, quota_id, day


def _mass_or_none(book: Book, line: Any, measure: Any) -> int | None:
    try:
        return measured(line, measure, book.policy).mass_mg
    except Unmeasurable:
        return None
