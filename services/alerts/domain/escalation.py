"""What becomes of an alert that goes to a second subscription, as that one stands."""

from typing import NamedTuple


class Told(NamedTuple):
    """Whether a delivery is made for the second subscription, and why that tells nobody yet, if it does not."""

    is_delivered: bool
    failure: str | None = None


def told(state: str | None) -> Told:
    """Return what becomes of an alert for a second subscription in a state; None is one that is not there any more."""
    match state:
        case None:
            return Told(is_delivered=False, failure="the subscription that it was to go to was deleted")
        case "expired":
            return Told(is_delivered=False, failure="the subscription that it was to go to has expired")
        case "active":
            return Told(is_delivered=True)
        case _:
            said = f"the subscription that it goes to is {state}; it is sent there when that is resumed"
            return Told(is_delivered=True, failure=said)
