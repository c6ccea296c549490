"""What can be wrong with a rule: when it is written, with the place, and when it runs, with the reason."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands in a condition; both count from 1."""

    line: int
    column: int


class RuleFault(Exception):
    """A condition cannot be taken: what is wrong, in words, and where."""

    def __init__(self, message: str, place: Place) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


class RuleFailed(Exception):
    """A condition has no value for one shipment, e.g. because it divides by zero."""
