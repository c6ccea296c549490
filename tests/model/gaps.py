"""Where the engine is known to part from its rules: the reference can follow it there, so that all else is compared.

Each has a test by hand that fails until the engine does as the rules say; then it leaves this list, and what the
reference does for it goes too.
"""

from enum import Enum, auto


class Gap(Enum):
    """What the engine does instead."""

    STATE_NOW = auto()
    """A licence is judged by its present state, not by that of the declaration's time."""
    SUSPENSION_EXPIRES = auto()
    """A licence that expires while it is suspended, and is then prolonged, is no longer suspended."""
    PHASES_PILE_UP = auto()
    """A regime's phase keeps what the phase before it gave."""
    EVIDENCE_WITH_LICENCE = auto()
    """A regime's evidence is asked for only where an issued licence is judged."""
    UNSHOWN_EXPIRES = auto()
    """Evidence that was never shown, and that an officer let pass, holds the shipment again when it leaves."""
    STALE_LIFTED = auto()
    """Any correction lifts a hold for evidence that had expired, whichever evidence it names."""
    STALE_STAYS = auto()
    """A hold for evidence that had expired outlives the milestone that brought it."""
    GIVEN_BACK_RETURNS = auto()
    """What a denied shipment gave back is drawn anew when it leaves all the same, also where it is no longer there."""
    REVIEWS_LOST = auto()
    """A retraction judges anew whatever it takes out, and forgets the reviews."""
    NO_NEW_BEGINNING = auto()
    """A regime or quota whose beginning was retracted cannot begin anew; the quota denies."""
    WITHDRAWN_WHILE_PARKED = auto()
    """A shipment that was declared anew and waits is withdrawn when something from before is retracted."""
    RETRACTED_LATE = auto()
    """An event whose retraction came first has its effect before it is taken out."""
    WAITING_RETRACTION_GOES = auto()
    """A retraction can be retracted while it waits."""
    RETRACTED_WAITING_UNKNOWN = auto()
    """What was retracted while it waited is not known to a second retraction, unless a batch lies between."""
    WARNS_BEYOND = auto()
    """A line that is permitted with a warning draws the tolerance as well."""
    RETRACTED_TWICE = auto()
    """A second retraction in the life of a quota or regime fails: the first one is not a step that it knows."""
    UNBLOCKED_UNHEARD = auto()
    """What waits for a blocked quota is not taken up when the block is retracted."""
    EXEMPT_UNDECLARED = auto()
    """An exempt end use does not take goods of undeclared elements out of a regime."""
    MEASURE_HOLDS = auto()
    """No officer can let pass what a quota could not measure."""
    SAME_AGAIN_PARKS = auto()
    """A second declaration of a parked shipment parks too where it says the same."""
    TIES_BY_NAME = auto()
    """Of what is overdue at the same moment the first by its name goes first, not the first that waited."""


KNOWN = frozenset(Gap)
NONE: frozenset[Gap] = frozenset()
