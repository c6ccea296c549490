"""Whether a caller may speak for the source of an event."""

from services.ingest.domain.faults import not_your_source
from services.ingest.domain.reading import Accepted, Item
from shared.identity import Caller


def allowed(caller: Caller, item: Item) -> Item:
    """Return the item, or the fault of an event that is of another's source."""
    if caller.sources is not None and isinstance(item, Accepted) and not caller.owns(item.source):
        return not_your_source(item.source)
    return item
