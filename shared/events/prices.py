"""What goods cost: one price of a series, as its publisher gives it."""

from decimal import Decimal
from typing import Literal

from shared.errors import UnfitError
from shared.events.words import Commodity, Country, Id, In, Money, Text


class PriceObserved(In, frozen=True, kw_only=True):
    """A price of the event's day. A series has one commodity, one currency and at most one price a day."""

    TYPE = "trade.price.observed"
    ENTITY = "price_id"
    price_id: Id
    """The series, e.g. `dy-oxide-fob-china`."""
    commodity: Commodity
    price: Money
    per: Literal["KGM", "TNE"]
    """The unit of mass that costs so much, by UN/ECE Recommendation 20."""
    origin: Country | None = None
    """Where the goods are from, if the price is of one origin."""
    publisher: Text = ""
    basis: Text = ""
    """As the publisher says it, e.g. `99.5 % min, FOB China`."""

    def __post_init__(self) -> None:
        """Raise UnfitError for a price of zero."""
        if not Decimal(self.price.amount):
            raise UnfitError("must be above zero", "price", "amount")
