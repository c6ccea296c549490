"""What regulators say of regimes, and what follows for the lanes."""

from datetime import datetime
from typing import Any, assert_never

from services.licensing.domain import announcing, regimes
from services.licensing.domain.book import Book, Ending
from services.licensing.domain.on_lanes import lanes_of_regime, refresh_gates
from services.licensing.domain.regimes import Regime
from shared.cloudevents import Event
from shared.errors import PermanentError
from shared.events import RegimeAmended, RegimeAnnounced, RegimeEnded, RegimeReinstated, RegimeSuspended

DECIDED = Ending("decided", "applied")


def on_regime_terms(book: Book, event: Event[RegimeAnnounced | RegimeAmended]) -> Ending:
    """Take in a regime, or its new terms. Raises PermanentError when it was announced before."""
    data = event.data
    before = book.regimes.get(data.regime_id)
    if isinstance(data, RegimeAmended) and before is None:
        return Ending("parked", "", f"regime:{data.regime_id}")
    if isinstance(data, RegimeAnnounced) and before is not None:
        raise PermanentError(f"regime {data.regime_id} was announced before", pointer="/data/regime_id")
    regime = book.regimes[data.regime_id] = regimes.announced(data, before)
    book.touch("regime", data.regime_id)
    book.removed.discard(("regime", data.regime_id))
    affected = {*lanes_of_regime(book, regime), *_lanes_before(book, before)}
    step = "announced" if before is None else "amended"
    announcing.regime_changed(
        book, regime, step, event.time, event.name, f"{step}; in force from {data.effective_from.date().isoformat()}"
    )
    refresh_gates(book, sorted(affected), event.time, event.name)
    return DECIDED


def on_regime_changed(book: Book, event: Event[RegimeSuspended | RegimeReinstated | RegimeEnded]) -> Ending:
    """Suspend, reinstate or end a regime."""
    data = event.data
    before = book.regimes.get(data.regime_id)
    if before is None:
        return Ending("parked", "", f"regime:{data.regime_id}")
    regime = book.regimes[data.regime_id] = regimes.changed(before, data, event.time)
    book.touch("regime", data.regime_id)
    match data:
        case RegimeSuspended():
            until = f" until {data.suspended_until.date().isoformat()}" if data.suspended_until else ""
            step, says = "suspended", f"suspended from {data.suspended_from.date().isoformat()}{until}"
        case RegimeReinstated():
            step, says = "reinstated", "reinstated"
        case RegimeEnded():
            step, says = "ended", "ended"
        case _:
            assert_never(data)
    announcing.regime_changed(book, regime, step, event.time, event.name, says)
    refresh_gates(book, lanes_of_regime(book, regime), event.time, event.name)
    return DECIDED


def fold(events: list[Event[Any]]) -> Regime | None:
    """Return the regime that a history makes; a step without the one that it needs makes nothing."""
    regime: Regime | None = None
    for event in events:
        if isinstance(event.data, RegimeAnnounced) or (isinstance(event.data, RegimeAmended) and regime is not None):
            regime = regimes.announced(event.data, regime)
        elif regime is not None:
            regime = regimes.changed(regime, event.data, event.time)
    return regime


def refold(book: Book, regime_id: str, events: list[Event[Any]], at: datetime, caused_by: str) -> None:
    """Let a regime be what a history without some event makes of it."""
    before = book.regimes.get(regime_id)
    after = fold(events)
    if before is None:
        return
    if after is None:  # Nothing announced it: it can be announced anew.
        del book.regimes[regime_id]
        book.removed.add(("regime", regime_id))
        book.touched["regime"].discard(regime_id)
    else:
        book.regimes[regime_id] = after
        book.touch("regime", regime_id)
    announcing.regime_changed(book, after or before, "retracted", at, caused_by, "was changed by a retraction")
    affected = {*_lanes_before(book, after), *_lanes_before(book, before)}
    refresh_gates(book, sorted(affected), at, caused_by)


def _lanes_before(book: Book, before: Regime | None) -> tuple[str, ...]:
    return lanes_of_regime(book, before) if before else ()
