"""Where the engine is known to part from its rules: the reference can follow it there, so that all else is compared.

Each has a test by hand that fails until the engine does as the rules say; then it leaves this list, and what the
reference does for it goes too.
"""

from enum import Enum, auto


class Gap(Enum):
    """What the engine does instead."""

    LATE_REINSTATEMENT = auto()
    """A reinstatement dated before the suspension that it follows shows a licence as active that nobody may draw."""
    UNUSED_LAPSES = auto()
    """Evidence that expires holds a shipment for a licence that it names and did not need."""
    LEFT_LATER = auto()
    """That the goods left later than was known, since an earlier milestone was retracted, is not held against them."""
    WARNS_BEYOND = auto()
    """A line that is permitted with a warning draws the tolerance as well."""


KNOWN = frozenset({Gap.WARNS_BEYOND, Gap.SAME_AGAIN_PARKS, Gap.TIES_BY_NAME})
"""Those that are left: the rules were written down as the engine does it. The others are closed, and stay as cases."""
NONE: frozenset[Gap] = frozenset()
