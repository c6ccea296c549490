"""The alerts that licensing publishes: each with a scope, a severity and one sentence for people."""

from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from msgspec import UNSET

from services.licensing.domain.book import Book, Decision
from services.licensing.domain.lanes import LaneChange, lane_id
from services.licensing.domain.ledger import MASS, Account
from services.licensing.domain.licences import Licence
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from services.licensing.domain.shipments import Shipment
from shared import cloudevents
from shared.cloudevents import Event
from shared.events import (
    EVERYWHERE,
    WORLD,
    Alternative,
    FlowState,
    LaneChanged,
    LicenceBatchIssued,
    LicenceChanged,
    QuotaChanged,
    Reason,
    RegimeChanged,
    Scope,
    Selector,
    Severity,
    ShipmentDecided,
)
from shared.masses import kg, spoken

MOST_REASONS = 40
LANE_SEVERITY: dict[FlowState, Severity] = {
    "flowing": "notice",
    "dormant": "notice",
    "constrained": "warning",
    "restricted": "critical",
}
_SEVERITY: dict[str, Severity] = {
    "lanewatch.decision.permitted": "info",
    "lanewatch.decision.held": "warning",
    "lanewatch.decision.denied": "warning",
    "lanewatch.licence.suspended": "warning",
    "lanewatch.licence.revoked": "warning",
    "lanewatch.quota.critical": "warning",
    "lanewatch.quota.exhausted": "critical",
    "lanewatch.quota.closed": "warning",
    "lanewatch.quota.blocked": "warning",
    "lanewatch.quota.suspended": "critical",
    "lanewatch.quota.retracted": "warning",
    "lanewatch.licence.surrendered": "warning",
    "lanewatch.licence.retracted": "warning",
    "lanewatch.decision.withdrawn": "warning",
    "lanewatch.regime.retracted": "warning",
    "lanewatch.regime.announced": "critical",
    "lanewatch.regime.amended": "warning",
    "lanewatch.regime.reinstated": "critical",
}
"""Whatever is not listed is a notice."""


def lane_changed(book: Book, change: LaneChange, caused_by: str, alternatives: tuple[Alternative, ...]) -> None:
    """Announce a change of flow state, with the lanes that flow instead."""
    lane = book.lanes[change.lane_id]
    where = "the world" if lane.destination == WORLD else lane.destination
    whose = "" if lane.exporter is None else f", {lane.exporter}"
    why = change.reasons[0].says if change.reasons else "as before the restriction"
    book.lane_changes.append((change, caused_by))
    data = LaneChanged(
        scope=Scope(
            commodity_groups=(lane.commodity_group,),
            origin=lane.origin,
            destinations=(lane.destination,),
            exporter=lane.exporter,
        ),
        severity=LANE_SEVERITY[change.state],
        headline=f"{lane.commodity_group} from {lane.origin} to {where}{whose}: {change.state} ({why})",
        lane_id=change.lane_id,
        sequence=change.sequence,
        previous=change.previous,
        state=change.state,
        since=change.at,
        reasons=change.reasons,
        caused_by=caused_by,
        supersedes=change.supersedes,
        alternatives=alternatives,
    )
    name = change.alert_id
    book.alerts.append(
        cloudevents.alert(
            "lanewatch.lane.changed" if lane.exporter is None else "lanewatch.lane.exporter_changed",
            id=name,
            time=change.at,
            key=change.lane_id,
            data=data,
            sequence=change.sequence,
        )
    )


def shipment_decided(book: Book, shipment: Shipment, decision: Decision) -> None:
    """Announce a decision."""
    declared = shipment.declared
    kind = f"lanewatch.decision.{decision.outcome}"
    said = decision.reasons[0].says if decision.reasons else "nothing applies"
    mass_mg = sum(line.net_mass.mg for line in declared.lines)
    data = ShipmentDecided(
        scope=shipment_scope(shipment),
        severity=_SEVERITY[kind],
        headline=f"shipment {decision.shipment_id}, {spoken(mass_mg)}: {decision.outcome} ({said})",
        decision_id=decision.decision_id,
        shipment_id=decision.shipment_id,
        outcome=decision.outcome,  # type: ignore[arg-type]
        reasons=_the_first(decision.reasons),
        net_mass_kg=str(kg(mass_mg)),
        policy_version=book.policy.version,
        caused_by=decision.caused_by,
        ledger_entries=decision.ledger_entries[:MOST_REASONS],
        supersedes=decision.supersedes,
        rulebook=decision.asked.rulebook,
    )
    key = shipment_key(shipment)
    book.alerts.append(cloudevents.alert(kind, id=decision.decision_id, time=decision.at, key=key, data=data))


def shipment_scope(shipment: Shipment) -> Scope:
    """Return whom a shipment concerns."""
    declared = shipment.declared
    return Scope(
        commodity_groups=tuple(dict.fromkeys(lane.split(":", 1)[0] for lane in shipment.lanes)),
        origin=declared.origin,
        destinations=(declared.destination,),
        exporter=declared.exporter,
    )


def shipment_key(shipment: Shipment) -> str:
    """Return the lane in whose order it is told of a shipment."""
    declared = shipment.declared
    group = shipment.lanes[0].split(":", 1)[0] if shipment.lanes else "none"
    return lane_id(group, declared.origin, declared.destination)


def licence_changed(book: Book, licence: Licence, step: str, at: datetime, caused_by: str, says: str) -> None:
    """Announce what happened to a licence."""
    terms = licence.terms
    if terms is None:
        return
    accounts = [book.account(account_id) for account_id, (unit, _) in licence.grants().items() if unit == MASS]
    left, granted = sum(a.left for a in accounts), sum(a.granted for a in accounts)
    scope = _scope(book, tuple(line.covers for line in terms.lines), terms.origin, terms.destinations, terms.exporter)
    kind = f"lanewatch.licence.{step}"
    data = LicenceChanged(
        scope=scope,
        severity=_SEVERITY.get(kind, "notice"),
        headline=f"licence {licence.licence_id} of {terms.exporter} {says}"
        + (f"; {spoken(left)} left of {spoken(granted)}" if accounts else ""),
        licence_id=licence.licence_id,
        caused_by=caused_by,
        left_kg=str(kg(left)) if accounts else UNSET,
        granted_kg=str(kg(granted)) if accounts else UNSET,
        valid_until=terms.valid_until,
    )
    announce(book, kind, at, scope, data, f"{caused_by} {licence.licence_id} {sum(a.entries for a in accounts)}")


def batch_issued(book: Book, batch: LicenceBatchIssued, at: datetime, caused_by: str) -> None:
    """Announce a batch of licences."""
    destinations = batch.destinations.include or (EVERYWHERE,)
    scope = _scope(book, batch.covers, batch.origin, destinations, None)
    count = "" if batch.licence_count is None else f", {batch.licence_count} licence{'s' * (batch.licence_count != 1)}"
    data = LicenceChanged(
        scope=scope,
        severity="notice",
        headline=f"{batch.authority} issued a batch: {batch.title}{count}",
        licence_id=batch.batch_id,
        caused_by=caused_by,
    )
    announce(book, "lanewatch.licence.batch_issued", at, scope, data, caused_by)


def quota_changed(
    book: Book, quota: Quota, account: Account, step: str, at: datetime, caused_by: str, says: str
) -> None:
    """Announce what happened to a quota, with the balance of the whole or of the part that it is about."""
    terms = quota.terms
    scope = _scope(book, terms.covers, terms.origin, terms.destinations.include or (EVERYWHERE,), None)
    kind = f"lanewatch.quota.{step}"
    data = QuotaChanged(
        scope=scope,
        severity=_SEVERITY.get(kind, "notice"),
        headline=f"quota {terms.quota_id} {says}; {spoken(account.left)} left of {spoken(account.granted)}",
        quota_id=terms.quota_id,
        caused_by=caused_by,
        left_kg=str(kg(account.left)),
        granted_kg=str(kg(account.granted)),
    )
    announce(book, kind, at, scope, data, f"{caused_by} {account.account_id} {account.entries}")


def regime_changed(book: Book, regime: Regime, step: str, at: datetime, caused_by: str, says: str) -> None:
    """Announce what happened to a regime."""
    terms = regime.terms
    scope = _scope(book, terms.covers, terms.origin, terms.destinations.include or (EVERYWHERE,), None)
    kind = f"lanewatch.regime.{step}"
    data = RegimeChanged(
        scope=scope,
        severity=_SEVERITY.get(kind, "notice"),
        headline=f"{terms.title} of {terms.authority} {says}",
        regime_id=terms.regime_id,
        caused_by=caused_by,
        effective_from=terms.effective_from,
        effective_until=terms.effective_until or UNSET,
    )
    announce(book, kind, at, scope, data, caused_by)


def _the_first(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return as many reasons as a message should hold; all of them stand in the decision's record."""
    if len(reasons) <= MOST_REASONS:
        return reasons
    more = Reason(rule="more", says=f"and {len(reasons) - MOST_REASONS} more, in the record of the decision")
    return (*reasons[:MOST_REASONS], more)


def _scope(
    book: Book, covers: tuple[Selector, ...], origin: str, destinations: tuple[str, ...], exporter: str | None
) -> Scope:
    groups = book.policy.groups_near(covers)
    return Scope(commodity_groups=groups, origin=origin, destinations=destinations, exporter=exporter)


def announce(book: Book, kind: str, at: datetime, scope: Scope, data: Any, name: str) -> None:
    """Announce under an id that follows from kind and cause, so that a replay gives the same."""
    key = lane_id(scope.commodity_groups[0] if scope.commodity_groups else "none", scope.origin, WORLD)
    alert: Event[Any] = cloudevents.alert(
        kind, id=str(uuid5(NAMESPACE_URL, f"{kind} {name}")), time=at, key=key, data=data
    )
    book.alerts.append(alert)
