"""Reads decisions back with what they were judged on, in the order of their ids, so many at once."""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.monitoring.backtesting import OURS, Recorded
from services.licensing.domain.monitoring.basis import Basis
from services.licensing.domain.quotas import Quota
from services.licensing.store import records, tables
from services.licensing.store.sql import fetch
from shared.cloudevents import read_trade_event
from shared.events import TRADE_TYPES, LicenceTerms, Reason, ShipmentCorrected, ShipmentDeclared

TERMS_KEPT = 100_000
"""Of so many licences the terms are kept."""
_DECLARING = (ShipmentDeclared.TYPE, ShipmentCorrected.TYPE)
_GRANTING = tuple(kind for kind, data in TRADE_TYPES.items() if issubclass(data, LicenceTerms))
_BASIS = msgspec.json.Decoder(Basis)
_REASONS = msgspec.json.Decoder(tuple[Reason, ...])
_SPAN = (
    "(CAST(:since AS timestamptz) IS NULL OR d.at >= :since) AND (CAST(:until AS timestamptz) IS NULL OR d.at < :until)"
)
# A correction is judged as of the declaration's time. A decision whose event declared nothing has no body here.
DECISIONS = f"""
    SELECT d.decision_id, d.outcome, d.basis, e.body, e.applied_no, e.time,
           CASE WHEN d.outcome <> 'permitted' OR d.rulebook IS NOT NULL THEN d.reasons END AS reasons,
           CASE WHEN e.type = '{ShipmentCorrected.TYPE}' THEN
                (SELECT s.declared_at FROM licensing.shipment s WHERE s.shipment_id = d.shipment_id) END AS declared_at
    FROM licensing.decision d LEFT JOIN licensing.event e ON e.source = split_part(d.caused_by, ' ', 1)
        AND e.id = substr(d.caused_by, strpos(d.caused_by, ' ') + 1) AND e.type IN {_DECLARING}
    WHERE d.decision_id > :after AND d.decision_id <= :last AND {_SPAN} ORDER BY d.decision_id
"""
_LAST = """
    SELECT max(decision_id) AS last FROM (
        SELECT decision_id FROM licensing.decision WHERE decision_id > :after ORDER BY decision_id LIMIT :most) AS page
"""
_TERMS = """
    SELECT entity, applied_no, body FROM licensing.event
    WHERE entity = ANY(:entities) AND type = ANY(:types) AND status = 'decided' ORDER BY applied_no
"""


class Span(NamedTuple):
    """Decisions from a time on, and before one."""

    since: datetime | None = None
    until: datetime | None = None


class Page(NamedTuple):
    """Some decisions in a row: those that can be asked about, and why others cannot."""

    decisions: list[Recorded]
    left_out: list[str]


class Reader:
    """Reads decisions page by page; what licences say is kept between pages."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._terms: OrderedDict[str, list[tuple[int, LicenceTerms]]] = OrderedDict()

    async def count(self, c: AsyncConnection) -> int:
        """Return how many decisions there are."""
        (row,) = await fetch(c, f"SELECT count(*) AS n FROM licensing.decision d WHERE {_SPAN}", **self._span._asdict())
        return int(row["n"])

    async def quotas(self, c: AsyncConnection) -> dict[str, Quota]:
        """Return all quotas."""
        rows = await fetch(c, f"{tables.QUOTA.select} ORDER BY quota_id")
        return {row["quota_id"]: records.quota_of(row) for row in rows}

    async def last_of_page(self, c: AsyncConnection, after: str, most: int) -> str | None:
        """Return the last id of a page of so many decisions after one, whatever their time; None: there are none."""
        rows = await fetch(c, _LAST, after=after, most=most)
        return None if rows[0]["last"] is None else str(rows[0]["last"])

    async def page(self, c: AsyncConnection, after: str, last: str) -> Page:
        """Return the decisions after one, to another and with it."""
        rows = await fetch(c, DECISIONS, after=after, last=last, **self._span._asdict())
        usable = [row for row in rows if row["basis"] is not None and row["body"] is not None]
        bases = [_BASIS.decode(row["basis"]) for row in usable]
        await self._learn(c, (licence_id for basis in bases for licence_id, _ in basis.licences))
        decisions = [self._recorded(row, basis) for row, basis in zip(usable, bases, strict=True)]
        left_out = [_why(row) for row in rows if row["basis"] is None or row["body"] is None]
        return Page(decisions, left_out)

    def _recorded(self, row: Any, basis: Basis) -> Recorded:
        decision_id, outcome, _, body, place, time, reasons, declared_at = row
        is_needed = reasons is not None and (outcome != "permitted" or f'"{OURS}' in reasons)
        said = _REASONS.decode(reasons) if is_needed else ()
        terms = {licence_id: found for licence_id, _ in basis.licences if (found := self._as_of(licence_id, place))}
        declared: Any = read_trade_event(body).data
        return Recorded(decision_id, outcome, said, declared, declared_at or time, basis, terms)

    def _as_of(self, licence_id: str, place: int) -> LicenceTerms | None:
        """Return what a licence said when an event of a place in the record was applied."""
        versions = self._terms.get(licence_id, ())
        found = bisect_left(versions, place, key=lambda version: version[0])
        return versions[found - 1][1] if found else None

    async def _learn(self, c: AsyncConnection, licence_ids: Iterable[str]) -> None:
        wanted = {licence_id for licence_id in licence_ids if licence_id not in self._terms}
        while len(self._terms) > TERMS_KEPT:
            self._terms.popitem(last=False)
        if not wanted:
            return
        self._terms.update((licence_id, []) for licence_id in wanted)
        entities = [f"licence:{licence_id}" for licence_id in wanted]
        for row in await fetch(c, _TERMS, entities=entities, types=list(_GRANTING)):
            terms: Any = read_trade_event(row["body"]).data
            self._terms[terms.licence_id].append((row["applied_no"], terms))


def _why(row: Any) -> str:
    if row["body"] is None:
        return "it was not taken on a declaration or a correction"
    return "nothing was judged, or it is older than the record of what was"
