"""The facts of a line of a shipment: one kind of goods."""

from typing import TYPE_CHECKING

from services.licensing.domain.lanes import lane_id
from services.licensing.domain.monitoring.facts.lanes import LaneFacts
from services.licensing.domain.monitoring.facts.licences import LicenceFacts
from services.licensing.domain.monitoring.facts.quotas import QuotaFacts
from shared.cel.kinds import fact
from shared.events import Money, ShipmentLine

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.rules.verdict import Case


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
        """The policy's commodity groups that the goods belong to, e.g. `magnets`."""
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
