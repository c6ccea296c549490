"""Where the engine is known to part from its rules: the reference can follow it there, so that all else is compared.

Each has a test by hand that fails until the engine does as the rules say; then it leaves this list, and what the
reference does for it goes too.
"""

from enum import Enum, auto


class Gap(Enum):
    """What the engine does instead."""

    SUSPENSION_EXPIRES = auto()
    """A licence that expires while it is suspended, and is then prolonged, is no longer suspended."""
    AMENDMENT_BEGINS = auto()
    """A regime whose announcement was retracted stays in force by an amendment of it."""
    REVOKED_UNDONE = auto()
    """A licence that was revoked or surrendered can be drawn again after a reinstatement of a later date."""
    UNUSED_LAPSES = auto()
    """Evidence that expires holds a shipment for a licence that it names and did not need."""
    STALE_WHILE_LEFT = auto()
    """A hold for evidence that had expired outlives the milestone that brought it where another says the goods left."""
    GIVEN_BACK_RETURNS = auto()
    """What a denied shipment gave back is drawn anew when it leaves all the same, also where it is no longer there."""
    WARNS_BEYOND = auto()
    """A line that is permitted with a warning draws the tolerance as well."""
    SAME_AGAIN_PARKS = auto()
    """A second declaration of a parked shipment parks too where it says the same."""
    TIES_BY_NAME = auto()
    """Of what is overdue at the same moment the first by its name goes first, not the first that waited."""


KNOWN = frozenset({Gap.WARNS_BEYOND, Gap.SAME_AGAIN_PARKS, Gap.TIES_BY_NAME})
"""Those that are left: the rules were written down as the engine does it. The others are closed, and stay as cases."""
NONE: frozenset[Gap] = frozenset()
