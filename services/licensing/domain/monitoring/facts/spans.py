"""What several facts are made of: spans of time and what is used of accounts."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.licensing.domain.ledger import Account

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.rules.verdict import Case

A_DAY = timedelta(days=1)
MANY = 1000
"""Lists that the contract does not bound count for so many items."""


def elapsed(start: datetime, end: datetime, at: datetime) -> int:
    """Return how much of a span has gone by, in whole percent."""
    return max(0, min(100, (at - start) * 100 // (end - start)))


def used(accounts: tuple[Account, ...], case: "Case") -> int:
    """Return what is used of accounts, without what the shipment draws itself."""
    return sum(account.used - case.own.get(account.account_id, 0) for account in accounts)
