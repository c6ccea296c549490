"""Rulebooks as they were rolled out, and which of them is in force when."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from services.licensing.domain.monitoring.translated import Compiled


class RolledOut(NamedTuple):
    """A rulebook that an operator rolled out: which one it was in a row, when, by which event."""

    ordinal: int
    at: datetime
    caused_by: str
    compiled: Compiled

    @property
    def version(self) -> str:
        """Its name; no two have the same."""
        return self.compiled.rulebook.version

    @property
    def effective_from(self) -> datetime:
        """From when on declarations are judged by it."""
        return self.compiled.rulebook.effective_from


def in_force(rulebooks: Iterable[RolledOut], at: datetime) -> RolledOut | None:
    """Return the rulebook by which a declaration of a time is judged: the last to begin, then the last rolled out."""
    begun = [rulebook for rulebook in rulebooks if rulebook.effective_from <= at]
    return max(begun, key=lambda rulebook: (rulebook.effective_from, rulebook.ordinal), default=None)
