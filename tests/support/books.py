"""Books in memory for tests of the rules: events go in, balances and outcomes come out."""

from typing import Any

from services.licensing.domain.book import Ending
from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import read_trade_event


class Books:
    """What the rules make of events."""

    def __init__(self, policy: Policy) -> None:
        self.book = WholeBook(policy)

    def feed(self, *bodies: bytes) -> list[Ending]:
        """Apply events; return what became of each."""
        return [self.book.apply(read_trade_event(body)) for body in bodies]

    def balance(self, account_id: str) -> tuple[int, int, int]:
        """Return what is granted, reserved and written off, in whole kilograms."""
        account = self.book.accounts[account_id]
        parts = (account.granted, account.reserved, account.written_off)
        assert not any(part % 10**6 for part in parts), parts
        return parts[0] // 10**6, parts[1] // 10**6, parts[2] // 10**6

    def outcome(self, shipment_id: str) -> str | None:
        return self.book.shipments[shipment_id].outcome

    def rules(self, shipment_id: str) -> list[str]:
        """Return the rules that spoke in a shipment's latest decision."""
        return [reason.rule for reason in self.latest(shipment_id).reasons]

    def latest(self, shipment_id: str) -> Any:
        return [d for d in self.book.decisions if d.shipment_id == shipment_id][-1]

    def kinds(self, account_id: str) -> list[str]:
        """Return the kinds of an account's entries, in order."""
        return [entry.kind for entry in self.book.entries if entry.account_id == account_id]
