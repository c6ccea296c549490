"""Quotas, their tranches and parts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.errors import UnfitError
from shared.events.words import (
    Country,
    Destinations,
    Id,
    In,
    Measure,
    Moment,
    Selector,
    Text,
    WholePercent,
    refuse_twins,
)
from shared.masses import Mass


class SubLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a quota for some of its goods, e.g. medium and heavy rare earths; grows with tranches."""

    sub_limit_id: Id
    covers: Annotated[tuple[Selector, ...], Meta(min_length=1, max_length=200)]
    initial: Mass | None = None


class SubAmount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tranche adds to a sub-limit."""

    sub_limit_id: Id
    amount: Mass


class Allocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a quota an exporter may use."""

    exporter: Id
    amount: Mass


class ReservedShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a quota that only these end uses may draw on; they may use the rest as well."""

    end_uses: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=100)]
    percent: WholePercent


class Tranche(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A further part of a quota, available from `opens_at` on to the end of the period."""

    tranche_id: Id
    opens_at: Moment
    amount: Mass
    sub_limits: tuple[SubAmount, ...] = ()
    allocations: Annotated[tuple[Allocation, ...], Meta(max_length=1000)] = ()


class QuotaOpened(In, frozen=True, kw_only=True):
    """A quantity for goods and a period (`period_end` exclusive); it has what its tranches release."""

    TYPE = "trade.quota.opened"
    ENTITY = "quota_id"
    quota_id: Id
    authority: Id
    title: Text
    origin: Country
    covers: Annotated[tuple[Selector, ...], Meta(min_length=1, max_length=200)]
    destinations: Destinations = Destinations()
    exporters: tuple[Id, ...] = ()
    end_uses: tuple[Id, ...] = ()
    period_start: Moment
    period_end: Moment
    initial: Mass | None = None
    """What is available at once, before any tranche."""
    measure: Measure = "net"
    tranches: Annotated[tuple[Tranche, ...], Meta(max_length=100)] = ()
    sub_limits: Annotated[tuple[SubLimit, ...], Meta(max_length=50)] = ()
    is_allocated: bool = False
    """Only exporters with an allocation may draw, each on its own."""
    reserved_share: ReservedShare | None = None
    monthly_cap: Mass | None = None
    """No calendar month (UTC) may use more."""
    critical_percent: WholePercent | None = None
    """From this used share on the quota is critical; absent: the policy's."""
    allocation: Literal["first_come", "pro_rata"] = "first_come"
    """`pro_rata`: what is asked on the day (UTC) on which the quota or a tranche opens is shared out when it ends."""

    def __post_init__(self) -> None:
        """Raise UnfitError when the period would end before it begins, or a part does not fit the whole."""
        if self.period_end <= self.period_start:
            raise UnfitError("period_end must be later than period_start", "period_end")
        refuse_twins("tranches", self.tranches, "tranche_id")
        refuse_twins("sub_limits", self.sub_limits, "sub_limit_id")
        names = {sub.sub_limit_id for sub in self.sub_limits}
        for index, tranche in enumerate(self.tranches):
            if not self.period_start <= tranche.opens_at < self.period_end:
                raise UnfitError("a tranche must open inside the period", "tranches", index, "opens_at")
            for number, part in enumerate(tranche.sub_limits):
                if part.sub_limit_id not in names:
                    place = ("tranches", index, "sub_limits", number, "sub_limit_id")
                    raise UnfitError("the quota has no such sub-limit", *place)


class QuotaTrancheReleased(In, frozen=True, kw_only=True):
    """A further part of a quota becomes available at `opens_at`, or at the event's time where that is absent."""

    TYPE = "trade.quota.tranche_released"
    ENTITY = "quota_id"
    quota_id: Id
    tranche_id: Id
    amount: Mass
    opens_at: Moment | None = None
    sub_limits: tuple[SubAmount, ...] = ()
    allocations: Annotated[tuple[Allocation, ...], Meta(max_length=1000)] = ()


class QuotaAllocated(In, frozen=True, kw_only=True):
    """Exporters were given more of a quota that is allocated."""

    TYPE = "trade.quota.allocated"
    ENTITY = "quota_id"
    quota_id: Id
    allocations: Annotated[tuple[Allocation, ...], Meta(min_length=1, max_length=1000)]


class QuotaReturned(In, frozen=True, kw_only=True):
    """An exporter gave back what it will not use of its allocation; it can be allocated to another."""

    TYPE = "trade.quota.returned"
    ENTITY = "quota_id"
    quota_id: Id
    exporter: Id
    amount: Mass


class _QuotaStep(In, frozen=True, kw_only=True):
    ENTITY = "quota_id"
    quota_id: Id
    reason: Text = ""


class QuotaBlocked(_QuotaStep, frozen=True, kw_only=True):
    """A quota's use is put off; shipments wait until it is reopened."""

    TYPE = "trade.quota.blocked"


class QuotaSuspended(_QuotaStep, frozen=True, kw_only=True):
    """A quota may not be drawn until it is reopened."""

    TYPE = "trade.quota.suspended"


class QuotaReopened(_QuotaStep, frozen=True, kw_only=True):
    """A blocked, suspended or closed quota may be drawn again."""

    TYPE = "trade.quota.reopened"


class QuotaClosed(_QuotaStep, frozen=True, kw_only=True):
    """A quota takes no further draws from the event's time on."""

    TYPE = "trade.quota.closed"
