"""How the domain's values stand in rows."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from services.licensing.domain.book import Decision
from services.licensing.domain.lanes import Lane, LaneStats
from services.licensing.domain.ledger import Account, Draw, Entry
from services.licensing.domain.licences import Licence, LicenceState
from services.licensing.domain.monitoring.rulebooks import RolledOut
from services.licensing.domain.quotas import Quota, QuotaStatus
from services.licensing.domain.regimes import Regime, Span
from services.licensing.domain.shipments import Shipment
from services.licensing.store.sql import array_literal
from shared.cloudevents import encode_sorted
from shared.events import LicenceBatchIssued, LicenceTerms, QuotaOpened, Reason, RegimeTerms, ShipmentDeclared, Tranche

KEPT = 5000
"""So many texts of each kind are kept as they were decoded: some ten megabytes."""


class _RegimeState(msgspec.Struct):
    suspensions: tuple[Span, ...]
    ended_at: datetime | None


class _QuotaState(msgspec.Struct):
    tranches: tuple[Tranche, ...]
    opened: frozenset[str]
    allocated_mg: dict[str, int]
    statuses: tuple[tuple[datetime, QuotaStatus], ...]


_ENCODER = msgspec.json.Encoder()
_DRAWS = msgspec.json.Decoder(tuple[Draw, ...])
_declared: OrderedDict[str, ShipmentDeclared] = OrderedDict()
"""Declarations by their texts, the one that was not used for longest first."""


def text_of(value: Any) -> str:
    """Return a contract value as JSON text."""
    return encode_sorted(value).decode()


def _terms(text: str, kind: Any) -> Any:
    return msgspec.json.decode(text, type=kind)


# A licence is drawn on again and again, and a shipment comes back with each milestone, often soon; what
# is decoded is frozen, so that batches may share it.
@lru_cache(KEPT)
def _licence_terms(text: str) -> LicenceTerms:
    return msgspec.json.decode(text, type=LicenceTerms)


@lru_cache(KEPT)
def _opens(text: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return msgspec.json.decode(text, type=tuple[tuple[int, tuple[str, ...]], ...])


@lru_cache(KEPT)
def _stops(text: str) -> tuple[tuple[datetime, LicenceState], ...]:
    return msgspec.json.decode(text, type=tuple[tuple[datetime, LicenceState], ...])


@lru_cache(KEPT)
def _reasons(text: str) -> tuple[Reason, ...]:
    return msgspec.json.decode(text, type=tuple[Reason, ...])


def regime_row(regime: Regime) -> tuple[Any, ...]:
    """Return a regime as a row."""
    state = _RegimeState(regime.suspensions, regime.ended_at)
    return regime.terms.regime_id, text_of(regime.terms), text_of(state)


def regime_of(row: Any) -> Regime:
    """Return the regime of a row of REGIME."""
    _, terms, text = row
    state = _terms(text, _RegimeState)
    return Regime(_terms(terms, RegimeTerms), state.suspensions, state.ended_at)


def quota_row(quota: Quota) -> tuple[Any, ...]:
    """Return a quota as a row."""
    state = _QuotaState(quota.tranches, quota.opened, quota.allocated_mg, quota.statuses)
    return quota.terms.quota_id, text_of(quota.terms), text_of(state)


def quota_of(row: Any) -> Quota:
    """Return the quota of a row of QUOTA."""
    _, terms, text = row
    state = _terms(text, _QuotaState)
    return Quota(_terms(terms, QuotaOpened), state.tranches, state.opened, state.allocated_mg, state.statuses)


def licence_row(licence: Licence) -> tuple[Any, ...]:
    """Return a licence as a row."""
    t, dates = licence.terms, (None,) * 5
    if t is not None:
        dates = (t.exporter, t.batch_id, t.valid_from, t.valid_until, text_of(t))  # type: ignore[assignment]
    return (
        licence.licence_id,
        licence.state,
        licence.since,
        *dates,
        text_of(tuple(licence.opens.items())),
        text_of(licence.stops),
    )


def licence_of(row: Any) -> Licence:
    """Return the licence of a row of LICENCE."""
    licence_id, state, since, *_, terms, opens, stops = row
    said = _licence_terms(terms) if terms else None
    return Licence(licence_id, state, since, said, dict(_opens(opens)), _stops(stops))


def batch_of(text: str) -> LicenceBatchIssued:
    """Return the batch in a row."""
    return msgspec.json.decode(text, type=LicenceBatchIssued)


def account_row(account: Account) -> tuple[Any, ...]:
    """Return an account as a row."""
    a = account
    return a.account_id, a.unit, a.granted, a.reserved, a.written_off, a.excess, a.entries


def account_of(row: Any) -> Account:
    """Return the account of a row of ACCOUNT."""
    return Account(*row)


def entry_row(entry: Entry) -> tuple[Any, ...]:
    """Return a ledger entry as a row."""
    e = entry
    moved = (e.granted, e.reserved, e.written_off, e.free_after, e.beyond)
    return e.account_id, e.number, e.kind, *moved, e.caused_by, e.shipment_id, e.line_no


def decision_row(decision: Decision, policy: str) -> tuple[Any, ...]:
    """Return a decision by a version of the policy as a row."""
    d = decision
    head = (d.decision_id, d.shipment_id, d.outcome, text_of(d.reasons), d.ledger_entries, policy, d.caused_by, d.at)
    basis = None if d.asked.basis is None else _ENCODER.encode(d.asked.basis).decode()
    return *head, d.asked.rulebook, basis


def finding_rows(decision: Decision) -> Iterator[tuple[Any, ...]]:
    """Return what monitoring rules said of a shipment as rows."""
    d, rulebook = decision, decision.asked.rulebook
    for rule, lines, says, failure in d.asked.noticed:
        what = (rule.effect, rule.severity, lines, says)
        yield d.decision_id, rule.id, bool(failure), d.shipment_id, rulebook, *what, d.at


def rulebook_row(rulebook: RolledOut) -> tuple[Any, ...]:
    """Return a rulebook as a row."""
    terms = text_of(rulebook.compiled.rulebook)
    digest = hashlib.sha256(terms.encode()).digest()
    return rulebook.version, rulebook.ordinal, rulebook.at, rulebook.caused_by, digest, terms


def shipment_row(shipment: Shipment) -> tuple[Any, ...]:
    """Return a shipment as a row."""
    s, declared = shipment, text_of(shipment.declared)
    _kept(declared, s.declared)
    head = (s.declared.shipment_id, declared, s.declared_at, array_literal(s.lanes), s.declared.exporter)
    return *head, *moved_row(s)[1:]


def moved_row(shipment: Shipment) -> tuple[Any, ...]:
    """Return what changes of a shipment as a row."""
    s = shipment
    draws = _ENCODER.encode(s.draws).decode()
    held = (s.progress, s.is_held, s.held_as_of)
    return s.declared.shipment_id, *held, s.outcome, s.decisions, s.reservation, draws, s.cleared_at, s.left_at


def draws_of(text: str) -> tuple[Draw, ...]:
    """Return the draws in a shipment's row."""
    return _DRAWS.decode(text)


def declared_of(text: str) -> ShipmentDeclared:
    """Return the declaration in a shipment's row."""
    found = _declared.get(text)
    return _kept(text, msgspec.json.decode(text, type=ShipmentDeclared) if found is None else found)


def _kept(text: str, declared: ShipmentDeclared) -> ShipmentDeclared:
    """Keep a declaration by its text: what this process writes it need not decode again."""
    _declared[text] = declared
    _declared.move_to_end(text)
    if len(_declared) > KEPT:
        _declared.popitem(last=False)
    return declared


def shipment_of(row: Any) -> Shipment:
    """Return the shipment of a row of SHIPMENT."""
    # Taken by their places: asking for each by name takes longer than all the rest.
    _, declared, at, lanes, _, progress, is_held, held_as_of, outcome, decisions, phase, draws, *moments = row
    decided = (outcome, decisions, phase, draws_of(draws))
    return Shipment(declared_of(declared), at, tuple(lanes), progress, is_held, held_as_of, *decided, *moments)


def lane_row(lane: Lane) -> tuple[Any, ...]:
    """Return a lane as a row."""
    ids = (lane.lane_id, lane.commodity_group, lane.origin, lane.destination)
    stats = _ENCODER.encode(lane.stats).decode()
    return *ids, lane.state, lane.since, lane.sequence, text_of(lane.reasons), stats, lane.exporter


def lane_of(row: Any) -> Lane:
    """Return the lane of a row of LANE."""
    _, group, origin, destination, state, since, sequence, reasons, stats, exporter = row
    return Lane(
        group, origin, destination, state, since, sequence, _reasons(reasons), _terms(stats, LaneStats), exporter
    )
