"""The facts of a shipment, as it is declared or was last corrected."""

from datetime import datetime
from typing import TYPE_CHECKING

from services.licensing.domain.monitoring.facts.evidence import EvidenceFacts
from services.licensing.domain.monitoring.facts.lines import LineFacts
from shared.cel.kinds import fact

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.rules.verdict import Case


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

    @fact()
    def times_decided(self) -> int:
        """How many decisions there were on it before, by corrections, reviews or expired papers."""
        return self._case.times_decided
