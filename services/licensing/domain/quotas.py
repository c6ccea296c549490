"""Quotas: what they have, in which period and part, and which shipments draw on which of their accounts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from services.licensing.domain.commodities import admits, implies, matches_any
from services.licensing.domain.ledger import MAX_GRANT, account_name, account_parts
from shared.errors import PermanentError
from shared.events import (
    Commodity,
    Declaration,
    QuotaAllocated,
    QuotaBlocked,
    QuotaClosed,
    QuotaOpened,
    QuotaReopened,
    QuotaReturned,
    QuotaSuspended,
    QuotaTrancheReleased,
    Selector,
    Tranche,
)

QuotaStatus = Literal["open", "blocked", "suspended", "closed"]
QuotaStep = QuotaTrancheReleased | QuotaAllocated | QuotaReturned | QuotaBlocked | QuotaSuspended | QuotaReopened
QuotaChange = QuotaStep | QuotaClosed
STATUS: dict[type[QuotaChange], QuotaStatus] = {
    QuotaBlocked: "blocked",
    QuotaSuspended: "suspended",
    QuotaReopened: "open",
    QuotaClosed: "closed",
}
"""What a step makes of a quota from its time on; steps that are not listed leave it as it is."""


TOO_MUCH = "more than 4,000,000,000 t"
_TRANCHE_FIELDS = {"": "amount", "open": "amount", "sub": "sub_limits", "exporter": "allocations"}
"""By kind of a quota's part: the field of a tranche that adds to it."""


class Part(msgspec.Struct, frozen=True):
    """An account that a draw on a quota must find enough in, and the rule that speaks for it."""

    rule: str
    account_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Quota:
    """A quantity for goods and a period, with its tranches and whatever was changed about it."""

    terms: QuotaOpened
    tranches: tuple[Tranche, ...] = ()
    opened: frozenset[str] = frozenset()
    """The tranches that are open."""
    allocated_mg: dict[str, int] = field(default_factory=dict)
    """By exporter: what was allocated beside the tranches, less what was returned."""
    statuses: tuple[tuple[datetime, QuotaStatus], ...] = ()
    """From when on the quota was what, in the order of time."""

    @property
    def account_id(self) -> str:
        """The id of the account of the whole."""
        return account_name("quota", self.terms.quota_id)

    def part_id(self, *part: str) -> str:
        """Return the id of the account of a part, e.g. of `sub` and the sub-limit's id."""
        return account_name("quota", self.terms.quota_id, *part)

    def status(self, at: datetime) -> QuotaStatus:
        """Return what the quota is at a time."""
        if not self.statuses:
            return "open"
        return next((status for since, status in reversed(self.statuses) if since <= at), "open")

    def answer(self, at: datetime) -> QuotaStatus:
        """Return what the quota is for goods declared at a time; what a block put off, the step after it answers."""
        if (status := self.status(at)) != "blocked":
            return status
        return next((later for since, later in self.statuses if since > at and later != "blocked"), "blocked")

    def in_period(self, at: datetime) -> bool:
        """Return whether the time is inside the period; its end is exclusive."""
        return self.terms.period_start <= at < self.terms.period_end

    def boundaries(self) -> Iterable[datetime]:
        """Return the times at which something about the quota changes by itself."""
        yield self.terms.period_start
        yield self.terms.period_end
        yield from (since for since, _ in self.statuses)

    def grants(self) -> dict[str, int]:
        """Return what each of the quota's accounts is granted, in milligrams, but for the months' caps."""
        terms = self.terms
        opened = [tranche for tranche in self.tranches if tranche.tranche_id in self.opened]
        total = (terms.initial.mg if terms.initial else 0) + sum(tranche.amount.mg for tranche in opened)
        found = {self.account_id: total}
        for sub in terms.sub_limits:
            parts = [part.amount.mg for t in opened for part in t.sub_limits if part.sub_limit_id == sub.sub_limit_id]
            found[self.part_id("sub", sub.sub_limit_id)] = (sub.initial.mg if sub.initial else 0) + sum(parts)
        allocated = dict(self.allocated_mg)
        for allocation in (allocation for tranche in opened for allocation in tranche.allocations):
            allocated[allocation.exporter] = allocated.get(allocation.exporter, 0) + allocation.amount.mg
        found |= {self.part_id("exporter", exporter): mass_mg for exporter, mass_mg in allocated.items()}
        if terms.reserved_share is not None:
            found[self.part_id("open")] = total - -(-total * terms.reserved_share.percent // 100)
        return found

    def concerns(self, shipment: Declaration, goods: Commodity) -> bool:
        """Return whether goods of the shipment draw on the quota while its period lasts."""
        terms = self.terms
        return (
            terms.origin == shipment.origin
            and admits(terms.destinations, shipment.destination)
            and (not terms.exporters or shipment.exporter in terms.exporters)
            and (not terms.end_uses or shipment.end_use in terms.end_uses)
            and matches_any(terms.covers, goods)
        )

    def parts(self, shipment: Declaration, goods: Commodity, at: datetime) -> list[Part]:
        """Return the accounts that goods of a shipment declared at the time draw on."""
        terms, name = self.terms, f"quota {self.terms.quota_id}"
        found = [Part("quota.balance", self.account_id, name)]
        for sub in terms.sub_limits:
            if matches_any(sub.covers, goods):
                account_id = self.part_id("sub", sub.sub_limit_id)
                found.append(Part("quota.sub_limit", account_id, f"{name}, sub-limit {sub.sub_limit_id}"))
        if terms.is_allocated:
            account_id = self.part_id("exporter", shipment.exporter)
            found.append(Part("quota.allocation", account_id, f"{name}, allocation of {shipment.exporter}"))
        if terms.reserved_share is not None and shipment.end_use not in terms.reserved_share.end_uses:
            found.append(Part("quota.reserved", self.part_id("open"), f"{name}, part not reserved"))
        if terms.monthly_cap is not None:
            month = at.astimezone(UTC).strftime("%Y-%m")
            found.append(Part("quota.month", self.part_id("month", month), f"{name}, cap of {month}"))
        return found

    def shares_out(self, at: datetime) -> datetime | None:
        """Return when the pro-rata day that a time is in ends; None on any other day."""
        if self.terms.allocation != "pro_rata":
            return None
        days = {_day(moment) for moment in (self.terms.period_start, *(t.opens_at for t in self.tranches))}
        return _day(at) + timedelta(days=1) if _day(at) in days else None

    def governs_lane(self, group: Selector, origin: str, destination: str | None) -> bool:
        """Return whether nothing of a lane passes outside the quota; `destination` None asks for all of them."""
        terms = self.terms
        everywhere = not terms.destinations.include and not terms.destinations.exclude
        reached = everywhere if destination is None else admits(terms.destinations, destination)
        limited = bool(terms.exporters or terms.end_uses)
        return terms.origin == origin and reached and not limited and any(implies(group, s) for s in terms.covers)

    def governing(self, group: Selector) -> list[str]:
        """Return the accounts without which nothing of a group passes: the whole, and sub-limits of all its goods."""
        subs = (sub for sub in self.terms.sub_limits if any(implies(group, s) for s in sub.covers))
        return [self.account_id, *(self.part_id("sub", sub.sub_limit_id) for sub in subs)]


def opened(terms: QuotaOpened, now: datetime) -> Quota:
    """Return a new quota, with the tranches open that are due. Raises PermanentError when they are too much."""
    quota = Quota(terms, terms.tranches)
    if _beyond_bounds(quota) is not None:
        raise PermanentError(f"the tranches come to {TOO_MUCH}", pointer="/data/tranches")
    return with_due_tranches(quota, now)


def with_due_tranches(quota: Quota, now: datetime) -> Quota:
    """Return the quota with every tranche open whose time has come."""
    due = {tranche.tranche_id for tranche in quota.tranches if tranche.opens_at <= now}
    return quota if due <= quota.opened else replace(quota, opened=quota.opened | due)


def changed(quota: Quota, data: QuotaChange, at: datetime, now: datetime) -> Quota:
    """Return the quota after a step that happened at a time; `now` is the log's.

    Raises PermanentError naming the field that does not fit the quota.
    """
    if isinstance(data, QuotaTrancheReleased):
        after = replace(quota, tranches=(*quota.tranches, _tranche(quota, data, at)))
        if (part := _beyond_bounds(after)) is not None:
            raise PermanentError(f"with it the quota has {TOO_MUCH}", pointer=f"/data/{_TRANCHE_FIELDS[part]}")
        return with_due_tranches(after, max(now, at))
    if isinstance(data, QuotaAllocated):
        after = _allocated(quota, [(a.exporter, a.amount.mg) for a in data.allocations])
        if _beyond_bounds(after) is not None:
            raise PermanentError(f"with them an exporter has {TOO_MUCH}", pointer="/data/allocations")
        return after
    if isinstance(data, QuotaReturned):
        if quota.grants().get(quota.part_id("exporter", data.exporter), 0) < data.amount.mg:
            raise PermanentError(f"{data.exporter} was not allocated so much", pointer="/data/amount")
        return _allocated(quota, [(data.exporter, -data.amount.mg)])
    return replace(quota, statuses=tuple(sorted((*quota.statuses, (at, STATUS[type(data)])), key=_since)))


def _beyond_bounds(quota: Quota) -> str | None:
    """Return the kind of the part that would get more than there can be, were every tranche open; None: none.

    It is asked before a quota is taken over, since the clock that opens a tranche later cannot be refused.
    """
    everything = replace(quota, opened=frozenset(tranche.tranche_id for tranche in quota.tranches))
    too_much = (i for i, granted in everything.grants().items() if granted > MAX_GRANT)
    return next(("".join(account_parts(account_id)[2:3]) for account_id in too_much), None)


def _since(step: tuple[datetime, QuotaStatus]) -> datetime:
    return step[0]


def _tranche(quota: Quota, data: QuotaTrancheReleased, at: datetime) -> Tranche:
    names = {sub.sub_limit_id for sub in quota.terms.sub_limits}
    if data.tranche_id in {tranche.tranche_id for tranche in quota.tranches}:
        raise PermanentError(f"tranche {data.tranche_id} was released before", pointer="/data/tranche_id")
    for index, part in enumerate(data.sub_limits):
        if part.sub_limit_id not in names:
            reason = f"the quota has no sub-limit {part.sub_limit_id}"
            raise PermanentError(reason, pointer=f"/data/sub_limits/{index}/sub_limit_id")
    return Tranche(
        tranche_id=data.tranche_id,
        opens_at=data.opens_at or at,
        amount=data.amount,
        sub_limits=data.sub_limits,
        allocations=data.allocations,
    )


def _allocated(quota: Quota, changes: Iterable[tuple[str, int]]) -> Quota:
    allocated = dict(quota.allocated_mg)
    for exporter, mass_mg in changes:
        allocated[exporter] = allocated.get(exporter, 0) + mass_mg
    return replace(quota, allocated_mg=allocated)


def share_out(asked_mg: list[int], left_mg: int) -> list[int]:
    """Return each request's share of what is left: all of it, or its proportion rounded down to the milligram."""
    total = sum(asked_mg)
    return asked_mg if total <= left_mg else [asked * left_mg // total for asked in asked_mg]


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
