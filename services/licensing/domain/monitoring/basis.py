"""What a shipment was judged on, so far as it is not in the record of events: a few states and sums as they were.

With it monitoring rules can be asked again later of exactly what was known when a decision was taken.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from shared.events import WORLD

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.book import Book
    from services.licensing.domain.rules.verdict import Case


_TO_THE_WORLD = f":{WORLD}"


class Basis(msgspec.Struct, frozen=True, array_like=True):
    """The first licence of each line, the accounts of these licences and of the quotas, the lanes."""

    licences: tuple[tuple[str, str], ...]
    """Id and state."""
    accounts: tuple[tuple[str, int, int], ...]
    """Id, what was granted, and what others than the shipment itself had used."""
    lanes: tuple[tuple[str, str, str, str, int | None], ...]
    """Those to its destination: id, state, gate, flow and the last day (proleptic Gregorian ordinal) with anything."""


def basis_of(case: "Case", lane_ids: Iterable[str], quotas: Iterable[str]) -> Basis:
    """Return what a shipment is judged on, before it draws; `quotas` are the accounts of those that concern it.

    Raises Missing for what is not loaded.
    """
    book, own = case.book, case.own
    named = dict.fromkeys([name for line in case.declared.lines for name in line.licences[:1]])
    licences = [book.licence(name) for name in named]
    limited = [name for licence in licences for name in licence.mass_accounts()]
    accounts = [book.account(name) for name in (*limited, *quotas)]
    return Basis(
        tuple([(licence.licence_id, licence.state) for licence in licences]),
        tuple([(a.account_id, a.granted, a.used - own.get(a.account_id, 0)) for a in accounts]),
        tuple([_lane(book, name) for name in lane_ids if not name.endswith(_TO_THE_WORLD)]),
    )


def _lane(book: "Book", lane_id: str) -> tuple[str, str, str, str, int | None]:
    lane = book.lane(lane_id)
    return lane_id, lane.state, lane.stats.gate, lane.stats.flow, lane.stats.last_active_day
