"""The life of a shipment as a table: what each milestone does to its progress and to its reservation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from services.licensing.domain.ledger import Draw
from shared.events import Outcome, ShipmentDeclared

Progress = Literal["declared", "cleared", "departed", "arrived", "delivered", "rejected", "cancelled"]
Reservation = Literal["none", "reserved", "written_off", "given_back"]
LedgerStep = Literal["write_off", "give_back", "refund"]

RANK: dict[Progress, int] = {"declared": 0, "cleared": 1, "departed": 2, "arrived": 3, "delivered": 4}
"""Milestones may arrive in any order; a shipment is as far as the furthest one says."""

ENDS_IT: dict[str, frozenset[Progress]] = {
    "rejected": frozenset({"declared", "cleared"}),
    "cancelled": frozenset({"declared", "cleared"}),
}
"""From where a shipment can still be rejected or cancelled."""

LEDGER: dict[tuple[str, Reservation], tuple[LedgerStep, Reservation]] = {
    ("cleared", "reserved"): ("write_off", "written_off"),
    ("rejected", "reserved"): ("give_back", "given_back"),
    ("cancelled", "reserved"): ("give_back", "given_back"),
    ("rejected", "written_off"): ("refund", "given_back"),
    ("cancelled", "written_off"): ("refund", "given_back"),
}
"""What a milestone does to the ledger; pairs that are not listed do nothing."""


@dataclass(slots=True)
class Shipment:
    """A declared shipment. `outcome` is None while it is parked."""

    declared: ShipmentDeclared
    declared_at: datetime
    lanes: tuple[str, ...]
    progress: Progress = "declared"
    is_held: bool = False
    held_as_of: datetime | None = None
    outcome: Outcome | None = None
    decisions: int = 0
    reservation: Reservation = "none"
    draws: tuple[Draw, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether the shipment was rejected or cancelled."""
        return self.progress in ENDS_IT


class Step(NamedTuple):
    """What a milestone did."""

    ledger: LedgerStep | None
    note: str
    """One sentence for the event's record; empty when all is as usual."""


class MilestoneRefused(Exception):
    """The milestone contradicts what is known of the shipment; the event belongs in the dead letters."""


def advance(shipment: Shipment, milestone: str, at: datetime) -> Step:
    """Apply a milestone (`cleared`, `held`, …) that happened at the time, and return its ledger step.

    Raises MilestoneRefused when a shipment that has left is rejected or cancelled, or one that is
    over goes on.
    """
    if milestone in ("held", "released"):
        return _hold(shipment, milestone == "held", at)
    if milestone in ENDS_IT:
        if shipment.is_over:
            return Step(None, f"was {shipment.progress} before")
        if shipment.progress not in ENDS_IT[milestone]:
            raise MilestoneRefused(f"a shipment that has {shipment.progress} cannot be {milestone}")
        shipment.progress = "rejected" if milestone == "rejected" else "cancelled"
    elif shipment.is_over:
        raise MilestoneRefused(f"a shipment that was {shipment.progress} cannot be {milestone}")
    elif RANK[milestone] > RANK[shipment.progress]:  # type: ignore[index]
        shipment.progress = milestone  # type: ignore[assignment]
    step, shipment.reservation = LEDGER.get((milestone, shipment.reservation), (None, shipment.reservation))
    return Step(step, "")


def _hold(shipment: Shipment, is_held: bool, at: datetime) -> Step:
    """Let the latest by event time win, so that a release that overtakes its hold is not undone by it."""
    if shipment.held_as_of is not None and at < shipment.held_as_of:
        return Step(None, "a later hold or release is known")
    shipment.is_held, shipment.held_as_of = is_held, at
    return Step(None, "")
