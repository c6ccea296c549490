"""Licences: their states as a table, and what a line of one permits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.events import LicenceTerms

LicenceState = Literal["awaited", "active", "suspended", "revoked", "expired"]

TRANSITIONS: dict[tuple[LicenceState, str], LicenceState] = {
    ("awaited", "issued"): "active",
    ("active", "amended"): "active",
    ("active", "suspended"): "suspended",
    ("active", "revoked"): "revoked",
    ("active", "expired"): "expired",
    ("suspended", "amended"): "suspended",
    ("suspended", "reinstated"): "active",
    ("suspended", "revoked"): "revoked",
    ("suspended", "expired"): "expired",
    ("expired", "amended"): "active",
    ("expired", "revoked"): "revoked",
}
"""What a licence becomes. `awaited` is a licence that shipments name and no authority has issued yet.
An amendment of an expired licence prolongs it; being valid is then a matter of its new dates."""


@dataclass(slots=True)
class Licence:
    """A licence, or the placeholder of one that is awaited."""

    licence_id: str
    state: LicenceState = "awaited"
    since: datetime | None = None
    terms: LicenceTerms | None = None

    def account_of(self, line_no: int) -> str:
        """Return the account id of one of its lines."""
        return f"licence:{self.licence_id}:{line_no}"

    def is_valid(self, at: datetime) -> bool:
        """Return whether the licence may be drawn at the time."""
        return (
            self.state == "active" and self.terms is not None and self.terms.valid_from <= at < self.terms.valid_until
        )


def next_state(licence: Licence, step: str) -> LicenceState | None:
    """Return the state after a step, or None when the step does not apply."""
    return TRANSITIONS.get((licence.state, step))
