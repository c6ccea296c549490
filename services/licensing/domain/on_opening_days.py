"""What was asked of a pro-rata quota on the day on which it opened, decided together when that day is over."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.licensing.domain.book import Book, Ending, Parked
from services.licensing.domain.concluding import conclude, judged
from services.licensing.domain.measuring import Unmeasurable, measured
from services.licensing.domain.on_shipments import undecided
from services.licensing.domain.quotas import Quota, share_out
from shared.cloudevents import Event
from shared.errors import PermanentError


def on_shared_out(book: Book, requests: list[Parked], at: datetime) -> list[tuple[Event[Any], Ending]]:
    """Decide what was asked on a pro-rata day, in the order in which it came, each with its share."""
    _, quota_id, _ = _allotment(requests[0].waiting_for)
    quota = book.quotas.get(quota_id)
    shares = {} if quota is None else _shares(book, quota, requests)  # One that was taken back asks for nothing.
    return [
        (parked.event, _decide_with_share(book, parked.event, shares.get(parked.event.name, {}), at))
        for parked in requests
    ]


def _shares(book: Book, quota: Quota, requests: list[Parked]) -> dict[str, dict[tuple[str, int], int]]:
    """Return by event what each line is allotted; one that has nothing of its own to draw on takes no part.

    No one's claim counts for more than the parts that it draws on have, e.g. its exporter's allocation.
    """
    found: dict[str, dict[tuple[str, int], int]] = {}
    claims: list[tuple[str, int, int]] = []
    # A declaration that came twice asks once; the second is refused.
    once = {parked.event.data.shipment_id: parked.event for parked in reversed(requests)}  # type: ignore[union-attr]
    for event in once.values():
        for line_no, mass_mg, claim_mg in _claims(book, quota, event):
            if claim_mg:
                claims.append((event.name, line_no, claim_mg))
            else:  # The rules will say what is missing.
                found.setdefault(event.name, {})[quota.terms.quota_id, line_no] = mass_mg
    shares = share_out([claim_mg for _, _, claim_mg in claims], book.account(quota.account_id).left)
    for (name, line_no, _), share in zip(claims, shares, strict=True):
        found.setdefault(name, {})[quota.terms.quota_id, line_no] = share
    return found


def _claims(book: Book, quota: Quota, event: Event[Any]) -> Iterator[tuple[int, int, int]]:
    """Yield number, mass and claim of each line that a quota concerns and can be measured."""
    declared = event.data
    for line in declared.lines:
        if not quota.concerns(declared, line.commodity):
            continue
        try:
            mass_mg = measured(line, quota.terms.measure, book.policy).mass_mg
        except Unmeasurable:
            continue
        parts = quota.parts(declared, line.commodity, event.time)
        own = [book.account(part.account_id).left for part in parts if part.rule == "quota.allocation"]
        yield line.line_no, mass_mg, min([mass_mg, *own])


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
