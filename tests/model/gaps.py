"""Where the engine is known to part from its rules: the reference can follow it there, so that all else is compared.

Each has a test by hand that fails until the engine does as the rules say; then it leaves this list, and what the
reference does for it goes too.
"""

from enum import Enum, auto


class Gap(Enum):
    """What the engine does instead."""

    LATE_REINSTATEMENT = auto()
    """A reinstatement dated before the suspension that it follows shows a licence as active that nobody may draw."""


KNOWN = frozenset(Gap)
NONE: frozenset[Gap] = frozenset()
