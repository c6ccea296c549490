"""What the words of the messages mean here, as tables; docs/ingest/licence-usage.md shows them to people."""

from typing import NamedTuple

from shared.events import (
    LicenceAmended,
    LicenceIssued,
    LicenceKind,
    LicenceRevoked,
    LicenceSurrendered,
)
from shared.masses import MassUnit


class Unit(NamedTuple):
    """A unit of mass: one is so many tens of ours, as an exponent."""

    unit: MassUnit
    exponent: int = 0


UNITS: dict[str, Unit] = {
    "KGM": Unit("KGM"),
    "GRM": Unit("GRM"),
    "MGM": Unit("MGM"),
    "MIM": Unit("MGM"),  # the former code
    "TON": Unit("TNE"),
    "MCG": Unit("MGM", -3),
    "MCM": Unit("MGM", -3),  # the former code
}
NOT_MASSES = ("NAR", "MTK", "MTR", "LTR", "MTQ", "MLT", "MCL", "ITG", "MIR", "MCR")
"""Pieces, lengths, areas, volumes, and what is intangible."""

KINDS: dict[str, LicenceKind] = {
    "siel": "individual",
    "sicl": "individual",
    "sitl": "individual",
    "oiel": "general",
    "oicl": "general",
    "ogel": "general",
    "ogcl": "general",
    "ogtl": "general",
}
OPEN = ("oiel", "oicl", "ogel", "ogcl", "ogtl")
"""Licences whose lines are not limited where nothing else is said of them."""

ACTIONS: dict[str, type[LicenceIssued | LicenceAmended | LicenceRevoked]] = {
    "insert": LicenceIssued,
    "replace": LicenceAmended,
    "update": LicenceAmended,
    "cancel": LicenceRevoked,
}
"""What is done to a licence. An update that names another reference is a new licence and the end of the old one."""

STATES: dict[str, type[LicenceSurrendered | LicenceRevoked] | None] = {
    "open": None,
    "exhaust": None,
    "expire": None,
    "surrender": LicenceSurrendered,
    "cancel": LicenceRevoked,
}
"""What a report of usage says of the licence; what follows from the ledger or from dates is not told again."""
FOLLOWS = {
    "exhaust": "follows from what the lines have left",
    "expire": "follows from the dates of the licence",
}

QUANTITY, VALUE, BOTH, UNLIMITED = "Q", "V", "B", "O"
CONTROLS = (QUANTITY, VALUE, BOTH, UNLIMITED)
"""By what a line is controlled, in customs' letters."""
