"""The life of a shipment: what each milestone does to its progress, and what it draws in which state, as tables."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.licensing.domain.ledger import Draw
from shared.events import Outcome, ShipmentDeclared

Progress = Literal["declared", "cleared", "departed", "arrived", "delivered", "rejected", "cancelled", "retracted"]
Reservation = Literal["none", "reserved", "written_off", "given_back"]

RANK: dict[Progress, int] = {"declared": 0, "cleared": 1, "departed": 2, "arrived": 3, "delivered": 4}
"""Milestones may arrive in any order; a shipment is as far as the furthest one says."""

ENDS_IT: dict[str, frozenset[Progress]] = {
    "rejected": frozenset({"declared", "cleared"}),
    "cancelled": frozenset({"declared", "cleared"}),
}
"""From where a shipment can still be rejected or cancelled."""

HAS_LEFT: frozenset[Progress] = frozenset({"cleared", "departed", "arrived", "delivered"})
"""In these the goods were let out: what was reserved is used."""
IS_OVER: frozenset[Progress] = frozenset({"rejected", "cancelled", "retracted"})
"""In these nothing is drawn any more."""


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
    cleared_at: datetime | None = None
    """When the clearance that counts in its lanes happened."""
    left_at: datetime | None = None
    """When the first milestone happened that says that it was let out."""

    @property
    def is_over(self) -> bool:
        """Whether the shipment was rejected, cancelled or taken back."""
        return self.progress in IS_OVER

    @property
    def is_awaited(self) -> bool:
        """Whether there is nothing to act on: it waits for its decision, or to be declared anew."""
        return self.progress == "retracted" or (self.outcome is None and not self.is_over)

    @property
    def decision_id(self) -> str:
        """The id of its latest decision."""
        return f"{self.declared.shipment_id}#{self.decisions}"

    @property
    def own(self) -> dict[str, int]:
        """What it draws now, by account."""
        found: dict[str, int] = {}
        if self.reservation in ("reserved", "written_off"):
            for draw in self.draws:
                found[draw.account_id] = found.get(draw.account_id, 0) + draw.amount
        return found


class MilestoneRefused(Exception):
    """The milestone contradicts what is known of the shipment; the event belongs in the dead letters."""


def reservation_for(shipment: Shipment, has_draws: bool) -> Reservation:
    """Return in which phase a shipment's draws shall be: the ledger follows the goods, then the decision.

    What has left is used, whatever is decided of it; what is held keeps what was set aside for it.
    """
    if not has_draws:
        return "none"
    if shipment.is_over:
        return "given_back"
    if shipment.progress in HAS_LEFT:
        return "written_off"
    return "given_back" if shipment.outcome == "denied" else "reserved"


def advance(shipment: Shipment, milestone: str, at: datetime) -> str:
    """Apply a milestone (`cleared`, `held`, …) that happened at the time; return a note, empty when all is as usual.

    Raises MilestoneRefused when a shipment that has left is rejected or cancelled, or one that is
    over goes on.
    """
    if milestone in ("held", "released"):
        return _hold(shipment, milestone == "held", at)
    if milestone in ENDS_IT:
        if shipment.is_over:
            return f"was {shipment.progress} before"
        if shipment.progress not in ENDS_IT[milestone]:
            raise MilestoneRefused(f"a shipment that has {shipment.progress} cannot be {milestone}")
        shipment.progress = "rejected" if milestone == "rejected" else "cancelled"
    elif shipment.is_over:
        raise MilestoneRefused(f"a shipment that was {shipment.progress} cannot be {milestone}")
    else:
        if milestone in HAS_LEFT:
            shipment.left_at = min(at, shipment.left_at or at)
        if RANK[milestone] > RANK[shipment.progress]:  # type: ignore[index]
            shipment.progress = milestone  # type: ignore[assignment]
    return ""


def _hold(shipment: Shipment, is_held: bool, at: datetime) -> str:
    """Let the latest by event time win, so that a release that overtakes its hold is not undone by it."""
    if shipment.held_as_of is not None and at < shipment.held_as_of:
        return "a later hold or release is known"
    shipment.is_held, shipment.held_as_of = is_held, at
    return ""
