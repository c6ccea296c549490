"""Books held in memory in full: what the same rules make of a log, without a database.

For working the books out again from the record and for tests; the service loads what a batch needs.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from services.licensing.domain.applying import apply
from services.licensing.domain.book import Book, Ending, Parked, Past
from services.licensing.domain.lanes import Lane, new_lane
from services.licensing.domain.ledger import Account
from services.licensing.domain.licences import Licence
from services.licensing.domain.policy import Policy
from services.licensing.domain.prices import PriceSeries
from shared.cloudevents import Event, encode_sorted, entity_key
from shared.events import ClockTicked, TradeData


class WholeBook(Book):
    """A book to which nothing is ever missing."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.histories = defaultdict(list)
        self._seen: dict[str, tuple[Any, ...]] = {}

    def price(self, price_id: str) -> PriceSeries | None:
        """Return a price series, or None where no price stands."""
        return self.prices.setdefault(price_id, None)

    def licence(self, licence_id: str) -> Licence:
        """Return a licence, or the placeholder of one."""
        return self.licences.setdefault(licence_id, Licence(licence_id))

    def account(self, account_id: str) -> Account:
        """Return an account; one that is not there yet has nothing."""
        return self.accounts.setdefault(account_id, Account(account_id))

    def has_lane(self, lane_id: str) -> bool:
        """Every lane is there as soon as it is asked for."""
        return bool(self.lane(lane_id))

    def lane(self, lane_id: str) -> Lane:
        """Return a lane."""
        if lane_id not in self.lanes:
            self.lanes[lane_id] = new_lane(lane_id)
        return self.lanes[lane_id]

    def family(self, group: str, origin: str) -> list[Lane]:
        """Return the lanes of a commodity group and origin that some event has brought into being."""
        self.lane_families.add((group, origin))
        return super().family(group, origin)

    def lanes_of(self, group: str) -> list[Lane]:
        """Return every lane of a commodity group."""
        self.lane_groups.add(group)
        return super().lanes_of(group)

    def waiting_for(self, key: str) -> list[Parked]:
        """Take out, in their order, the events that wait for a thing."""
        return self.take_waiting(key)

    def history(self, entity: str) -> list[Past]:
        """Return what was applied to a thing, oldest first."""
        return self.histories[entity]

    def remember(self, event: Event[Any]) -> None:
        """Add an event that was applied to its thing's history."""
        self.histories[entity_key(event)].append(Past(event, is_retracted=False))

    def apply(self, event: Event[TradeData]) -> Ending:
        """Apply an event once; return what became of it. The same again has no effect, another body is a conflict."""
        said = (event.type, event.time, encode_sorted(event.data))
        if event.name in self._seen:
            if self._seen[event.name] == said:
                return self.endings[event.name]
            return Ending(
                "dead", "another event with the same source and id, and a different body, was recorded before"
            )
        self._seen[event.name] = said
        if isinstance(event.data, ClockTicked):  # Any licence may be due: only the database keeps an index of them.
            self.due_licences = {licence_id for licence_id, licence in self.licences.items() if licence.terms}
        apply(self, event)
        return self.endings[event.name]


def worked_out(policy: Policy, events: Iterable[Event[TradeData]]) -> WholeBook:
    """Return the books that the events make, applied one after the other."""
    book = WholeBook(policy)
    for event in events:
        book.apply(event)
    return book
