"""The facts of the documents that are declared with a shipment."""

from datetime import datetime

from services.licensing.domain.monitoring.facts.spans import A_DAY
from shared.cel.kinds import fact
from shared.events import Evidence


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
