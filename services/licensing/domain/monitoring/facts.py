"""The facts that conditions may ask for: of a shipment as declared, its lines, their licence, quotas and lanes.

Masses are whole milligrams, days and percent are whole and rounded down, times are in UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from services.licensing.domain.lanes import Lane, lane_id
from services.licensing.domain.ledger import MASS, Account
from services.licensing.domain.licences import Licence
from services.licensing.domain.monitoring.kinds import Kind, fact
from services.licensing.domain.quotas import Quota
from shared.events import Evidence, LicenceTerms, Money, ShipmentLine

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.rules.verdict import Case

A_DAY = timedelta(days=1)
MANY = 1000
"""Lists that the contract does not bound count for so many items."""


class EvidenceFacts:
    """A document that was declared with the shipment."""

    NAME = "evidence"

    def __init__(self, evidence: Evidence, at: datetime) -> None:
        self._evidence, self._at = evidence, at

    @fact()
    def kind(self) -> str:
        """What it is evidence of, e.g. `sustainability`."""
        return self._evidence.kind

    @fact()
    def reference(self) -> str:
        """Its number."""
        return self._evidence.reference

    @fact()
    def valid_from(self) -> datetime:
        """From when it is valid."""
        return self._evidence.valid_from

    @fact()
    def valid_until(self) -> datetime:
        """Until when it is valid, exclusive."""
        return self._evidence.valid_until

    @fact()
    def is_valid(self) -> bool:
        """Whether it is valid at the declaration."""
        return self._evidence.valid_from <= self._at < self._evidence.valid_until

    @fact()
    def days_left(self) -> int:
        """Days from the declaration until it ends; below zero once it has."""
        return (self._evidence.valid_until - self._at) // A_DAY


class ValueFacts:
    """The declared value of a line."""

    NAME = "value"

    def __init__(self, value: Money) -> None:
        self._value = value

    @fact()
    def ten_thousandths(self) -> int:
        """The amount in ten-thousandths of its currency: 1.50 is 15000."""
        return self._value.units

    @fact()
    def currency(self) -> str:
        """The currency's ISO 4217 code."""
        return self._value.currency


class LicenceFacts:
    """The first licence that the line names, once an authority has issued it."""

    NAME = "licence"

    def __init__(self, licence: Licence, terms: LicenceTerms, case: "Case") -> None:
        self._licence, self._terms, self._case = licence, terms, case
        self._mass_accounts = tuple(
            case.book.account(account_id) for account_id, (unit, _) in licence.grants().items() if unit == MASS
        )

    @fact()
    def id(self) -> str:
        """Its number."""
        return self._licence.licence_id

    @fact()
    def kind(self) -> str:
        """`individual`, `general`, `single_use` or `certificate`."""
        return self._terms.kind

    @fact()
    def authority(self) -> str:
        """Who issued it."""
        return self._terms.authority

    @fact(is_recorded=False)
    def state(self) -> str:
        """`issued`, `active`, `suspended`, `exhausted`, `expired`, `surrendered` or `revoked`."""
        return self._licence.state

    @fact(most=250)
    def destinations(self) -> tuple[str, ...]:
        """The countries that it permits."""
        return self._terms.destinations

    @fact(most=MANY)
    def consignees(self) -> tuple[str, ...]:
        """The consignees that it permits; none: any."""
        return self._terms.consignees

    @fact(most=MANY)
    def end_users(self) -> tuple[str, ...]:
        """The end users that it permits; none: any."""
        return self._terms.end_users

    @fact(most=MANY)
    def end_uses(self) -> tuple[str, ...]:
        """The end uses that it permits; none: any."""
        return self._terms.end_uses

    @fact()
    def bars_re_export(self) -> bool:
        """Whether goods under it may not go on to a third country."""
        return self._terms.bars_re_export

    @fact()
    def valid_from(self) -> datetime:
        """From when it is valid."""
        return self._terms.valid_from

    @fact()
    def valid_until(self) -> datetime:
        """Until when it is valid, exclusive."""
        return self._terms.valid_until

    @fact()
    def days_left(self) -> int:
        """Days from the declaration until it ends; below zero once it has."""
        return (self._terms.valid_until - self._case.at) // A_DAY

    @fact()
    def elapsed_percent(self) -> int:
        """How much of its validity has gone by at the declaration, 0 to 100."""
        return elapsed(self._terms.valid_from, self._terms.valid_until, self._case.at)

    @fact(unit="mass", is_recorded=False)
    def granted_mg(self) -> int | None:
        """The mass of all its lines together; absent where it limits no mass."""
        return sum(account.granted for account in self._mass_accounts) if self._mass_accounts else None

    @fact(unit="mass", is_recorded=False)
    def used_mg(self) -> int | None:
        """What is reserved or written off of that, without this shipment; absent where it limits no mass."""
        return used(self._mass_accounts, self._case) if self._mass_accounts else None

    @fact(is_recorded=False)
    def used_percent(self) -> int | None:
        """The same in percent of what is granted; absent where nothing is."""
        return self.used_mg * 100 // self.granted_mg if self.granted_mg and self.used_mg is not None else None


class QuotaFacts:
    """A quota that the line draws on."""

    NAME = "quota"

    def __init__(self, quota: Quota, case: "Case") -> None:
        self._quota, self._case = quota, case
        self._account = case.book.account(quota.account_id)

    @fact()
    def id(self) -> str:
        """Its number."""
        return self._quota.terms.quota_id

    @fact()
    def days_left(self) -> int:
        """Days from the declaration until its period ends."""
        return (self._quota.terms.period_end - self._case.at) // A_DAY

    @fact()
    def elapsed_percent(self) -> int:
        """How much of its period has gone by at the declaration, 0 to 100."""
        return elapsed(self._quota.terms.period_start, self._quota.terms.period_end, self._case.at)

    @fact(unit="mass", is_recorded=False)
    def granted_mg(self) -> int:
        """What has been released of it."""
        return self._account.granted

    @fact(unit="mass", is_recorded=False)
    def used_mg(self) -> int:
        """What is reserved or written off of that, without this shipment."""
        return used((self._account,), self._case)

    @fact(is_recorded=False)
    def used_percent(self) -> int | None:
        """The same in percent of what is released; absent where nothing is."""
        return self.used_mg * 100 // self.granted_mg if self.granted_mg else None


class LaneFacts:
    """A lane that the line's goods move on: commodity group, origin and destination."""

    NAME = "lane"

    def __init__(self, lane: Lane, at: datetime) -> None:
        self._lane, self._at = lane, at

    @fact()
    def id(self) -> str:
        """Commodity group, origin and destination joined by colons."""
        return self._lane.lane_id

    @fact()
    def group(self) -> str:
        """The commodity group."""
        return self._lane.commodity_group

    @fact(is_recorded=False)
    def state(self) -> str:
        """`flowing`, `constrained`, `restricted` or `dormant`."""
        return self._lane.state

    @fact(is_recorded=False)
    def gate(self) -> str:
        """Whether the law lets goods pass: `open`, `critical` (nearly used) or `shut`."""
        return self._lane.stats.gate

    @fact(is_recorded=False)
    def flow(self) -> str:
        """What is seen to clear: `none`, `starting`, `normal`, `low` or `stopped`."""
        return self._lane.stats.flow

    @fact(is_recorded=False)
    def idle_days(self) -> int | None:
        """Days since the lane last cleared goods or was opened; absent where neither ever happened."""
        last = self._lane.stats.last_active_day
        return None if last is None else max(0, self._at.astimezone(UTC).toordinal() - last)


class LineFacts:
    """One line of the shipment: one kind of goods."""

    NAME = "line"

    def __init__(self, line: ShipmentLine, case: "Case") -> None:
        self._line, self._case = line, case

    @fact()
    def line_no(self) -> int:
        """Its number in the declaration."""
        return self._line.line_no

    @fact()
    def hs(self) -> str:
        """The Harmonized System code of the goods, without points."""
        return self._line.commodity.hs

    @fact(most=118)
    def elements(self) -> tuple[str, ...]:
        """The elements that the goods are declared to contain, by their symbols."""
        return tuple(dict.fromkeys(self._line.commodity.elements))

    @fact()
    def form(self) -> str:
        """`ore`, `oxide`, `metal`, `alloy`, `compound`, `target`, `magnet` or `other`."""
        return self._line.commodity.form

    @fact()
    def control_code(self) -> str | None:
        """The control code of the goods."""
        return self._line.commodity.control_code

    @fact(most=20)
    def groups(self) -> tuple[str, ...]:
        """The policy's commodity groups that the goods belong to, e.g. `dysprosium`."""
        return self._case.book.policy.groups_of(self._line.commodity)

    @fact(unit="mass")
    def net_mass_mg(self) -> int:
        """The net mass."""
        return self._line.net_mass.mg

    @fact(unit="mass")
    def gross_mass_mg(self) -> int | None:
        """The gross mass."""
        return self._line.gross_mass.mg if self._line.gross_mass else None

    @fact()
    def value(self) -> ValueFacts | None:
        """The declared value."""
        return ValueFacts(self._line.value) if self._line.value else None

    @fact(most=11)
    def licences(self) -> tuple[str, ...]:
        """The numbers of all licences that the line names."""
        return self._line.licences

    @fact()
    def licence(self) -> LicenceFacts | None:
        """The first licence that the line names, once an authority has issued it."""
        for licence_id in self._line.licences[:1]:
            licence = self._case.book.licence(licence_id)
            if licence.terms is not None and licence.state != "applied":
                return LicenceFacts(licence, licence.terms, self._case)
        return None

    @fact(most=20)
    def quotas(self) -> tuple[QuotaFacts, ...]:
        """The quotas that the line draws on."""
        case, goods = self._case, self._line.commodity
        every = (case.book.quotas[quota_id] for quota_id in sorted(case.book.quotas))
        return tuple(
            QuotaFacts(quota, case)
            for quota in every
            if quota.in_period(case.at) and quota.concerns(case.declared, goods)
        )

    @fact(most=20)
    def lanes(self) -> tuple[LaneFacts, ...]:
        """The lanes to its destination that the goods move on, one for each commodity group."""
        declared = self._case.declared
        ids = (lane_id(group, declared.origin, declared.destination) for group in self.groups)
        return tuple(LaneFacts(self._case.book.lane(each), self._case.at) for each in ids)


class ShipmentFacts:
    """The shipment, as it is declared or was last corrected."""

    NAME = "shipment"

    def __init__(self, case: "Case") -> None:
        self._case, self._declared = case, case.declared

    @fact()
    def id(self) -> str:
        """Its number."""
        return self._declared.shipment_id

    @fact()
    def exporter(self) -> str:
        """Who sends the goods."""
        return self._declared.exporter

    @fact()
    def consignee(self) -> str:
        """Who receives them."""
        return self._declared.consignee

    @fact()
    def end_user(self) -> str | None:
        """Who will use them."""
        return self._declared.end_user

    @fact()
    def end_use(self) -> str | None:
        """What for."""
        return self._declared.end_use

    @fact()
    def origin(self) -> str:
        """The country that they leave."""
        return self._declared.origin

    @fact()
    def destination(self) -> str:
        """The country that they go to."""
        return self._declared.destination

    @fact()
    def re_exported_to(self) -> str | None:
        """The country that they are to go on to."""
        return self._declared.re_exported_to

    @fact()
    def port(self) -> str | None:
        """Where they leave (UN/LOCODE)."""
        return self._declared.port

    @fact()
    def declared_at(self) -> datetime:
        """When the shipment was declared."""
        return self._case.at

    @fact(unit="mass")
    def net_mass_mg(self) -> int:
        """The net mass of all its lines together."""
        return sum(line.net_mass.mg for line in self._declared.lines)

    @fact(most=50)
    def evidence(self) -> tuple[EvidenceFacts, ...]:
        """The documents that were declared with it."""
        return tuple(EvidenceFacts(evidence, self._case.at) for evidence in self._declared.evidence)

    @fact(most=200)
    def lines(self) -> tuple[LineFacts, ...]:
        """Its lines."""
        return tuple(LineFacts(line, self._case) for line in self._declared.lines)

    @fact(is_recorded=False)
    def times_decided(self) -> int:
        """How many decisions there were on it before, by corrections, reviews or expired papers."""
        return self._case.times_decided


VARIABLES = {each.NAME: Kind(each.NAME, facts=each) for each in (ShipmentFacts, LineFacts)}
"""What a condition begins with."""


def elapsed(start: datetime, end: datetime, at: datetime) -> int:
    """Return how much of a span has gone by, in whole percent."""
    return max(0, min(100, (at - start) * 100 // (end - start)))


def used(accounts: tuple[Account, ...], case: "Case") -> int:
    """Return what is used of accounts, without what the shipment draws itself."""
    return sum(account.used - case.own.get(account.account_id, 0) for account in accounts)
