"""Licences: their states as a table, and what the lines of one permit."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from services.licensing.domain.ledger import NAMES_KEPT, account_name
from shared.events import LicenceTerms

LicenceState = Literal[
    "awaited", "applied", "issued", "active", "suspended", "exhausted", "expired", "surrendered", "revoked"
]

TRANSITIONS: dict[tuple[LicenceState, str], LicenceState] = {
    ("awaited", "applied"): "applied",
    ("awaited", "issued"): "issued",
    ("applied", "applied"): "applied",
    ("applied", "issued"): "issued",
    ("applied", "surrendered"): "surrendered",
    ("issued", "activated"): "active",
    ("issued", "amended"): "issued",
    ("issued", "suspended"): "suspended",
    ("issued", "surrendered"): "surrendered",
    ("issued", "revoked"): "revoked",
    ("issued", "expired"): "expired",
    ("active", "amended"): "issued",
    ("active", "suspended"): "suspended",
    ("active", "exhausted"): "exhausted",
    ("active", "surrendered"): "surrendered",
    ("active", "revoked"): "revoked",
    ("active", "expired"): "expired",
    ("suspended", "amended"): "suspended",
    ("suspended", "reinstated"): "issued",
    ("suspended", "surrendered"): "surrendered",
    ("suspended", "revoked"): "revoked",
    ("suspended", "expired"): "expired",
    ("exhausted", "amended"): "issued",
    ("exhausted", "suspended"): "suspended",
    ("exhausted", "replenished"): "active",
    ("exhausted", "surrendered"): "surrendered",
    ("exhausted", "revoked"): "revoked",
    ("exhausted", "expired"): "expired",
    ("expired", "amended"): "issued",
    ("expired", "surrendered"): "surrendered",
    ("expired", "revoked"): "revoked",
}
"""What a licence becomes. `awaited` is a licence that shipments name and no authority has spoken of yet.
`issued` becomes `active` (or `expired`) by its dates and `exhausted` by its balances, at once where they say so.
Suspended is not revoked: it can be reinstated; surrendered and revoked are final."""

OPENS: frozenset[LicenceState] = frozenset({"active", "exhausted"})
"""In these states a licence counts among those that open its lanes, with what it has left."""
REFUSES: frozenset[LicenceState] = frozenset({"suspended", "surrendered", "revoked"})
"""In these states nothing may be drawn, whatever the dates say."""
AWAITED: frozenset[LicenceState] = frozenset({"awaited", "applied"})
"""In these states a shipment waits for the licence."""


@dataclass(slots=True)
class Licence:
    """A licence, or the placeholder of one that is awaited."""

    licence_id: str
    state: LicenceState = "awaited"
    since: datetime | None = None
    terms: LicenceTerms | None = None
    opens: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """By line: the lanes that count it among what opens them."""
    stops: tuple[tuple[datetime, LicenceState], ...] = ()
    """When it was suspended, reinstated (`active`), surrendered or revoked, in the order of time."""

    def stopped(self, at: datetime) -> LicenceState | None:
        """Return the state that forbids to draw on the licence for goods declared at a time, if any."""
        known = [state for since, state in self.stops if since <= at]
        final = next((state for state in known if state in ("surrendered", "revoked")), None)
        return final or ("suspended" if known and known[-1] == "suspended" else None)

    @property
    def is_suspended(self) -> bool:
        """Whether a suspension is the last that an authority said of it."""
        return bool(self.stops) and self.stops[-1][1] == "suspended"

    def account_of(self, line_no: int) -> str:
        """Return the id of the account of a line's mass."""
        return _mass_account(self.licence_id, line_no)

    def value_account_of(self, line_no: int) -> str:
        """Return the id of the account of a line's value."""
        return account_name("licence", self.licence_id, str(line_no), "value")

    @property
    def uses_account(self) -> str:
        """The id of the account of a single-use licence's one use."""
        return account_name("licence", self.licence_id, "uses")

    def mass_accounts(self) -> list[str]:
        """Return the ids of the accounts of the lines that limit a mass."""
        if self.terms is None or self.state == "applied":
            return []
        return [self.account_of(line.line_no) for line in self.terms.lines if line.mass is not None]

    def grants(self) -> dict[str, tuple[str, int]]:
        """Return unit and amount of what the terms grant, by account."""
        terms, found = self.terms, {}
        if terms is None or self.state == "applied":
            return {}
        for line in terms.lines:
            if line.mass is not None:
                found[self.account_of(line.line_no)] = ("MGM", line.mass.mg)
            if line.value is not None:
                found[self.value_account_of(line.line_no)] = (line.value.currency, line.value.units)
        if terms.kind == "single_use":
            found[self.uses_account] = ("C62", 1)
        return found


@lru_cache(NAMES_KEPT)
def _mass_account(licence_id: str, line_no: int) -> str:
    return account_name("licence", licence_id, str(line_no))


def next_state(licence: Licence, step: str) -> LicenceState | None:
    """Return the state after a step, or None when the step does not apply."""
    return TRANSITIONS.get((licence.state, step))


def step_by_date(licence: Licence, now: datetime) -> str | None:
    """Return the step that the dates of a licence's terms ask for at a time, if any."""
    terms = licence.terms
    if terms is None or licence.state not in ("issued", "active", "exhausted", "suspended"):
        return None
    if now >= terms.valid_until:
        return "expired"
    return "activated" if licence.state == "issued" and now >= terms.valid_from else None
