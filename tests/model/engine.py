"""What the tests ask of an engine, and the engine's pure part behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import services.licensing
from services.licensing.domain.policy import read_policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import Event

Sums = tuple[int, int, int]
"""Granted, reserved, written off."""
POLICY = read_policy((Path(services.licensing.__file__).parent / "policies" / "starter.json").read_bytes())


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger: its place in its account and by how much it moved the account's sums."""

    account: str
    number: int
    kind: str
    moved: Sums


class Engine(Protocol):
    """An engine under test; account, shipment and event names are those of the rules."""

    conflicts: int
    """How many events came with another body under an id that was known."""

    def apply(self, event: Event[Any]) -> None: ...
    def accounts(self) -> dict[str, Sums]: ...
    def entries(self) -> Iterable[Entry]: ...
    def outcome(self, shipment_id: str) -> str | None: ...
    def endings(self) -> dict[str, str]: ...
    def licence_state(self, licence_id: str) -> str | None: ...


class WholeBookEngine:
    """The rules that the service runs, on books held in memory."""

    def __init__(self) -> None:
        self.book = WholeBook(POLICY)
        self.conflicts = 0

    def apply(self, event: Event[Any]) -> None:
        ending = self.book.apply(event)
        self.conflicts += ending is not self.book.endings[event.name]

    def accounts(self) -> dict[str, Sums]:
        return {name: (one.granted, one.reserved, one.written_off) for name, one in self.book.accounts.items()}

    def entries(self) -> list[Entry]:
        moves = [(one, (one.granted, one.reserved, one.written_off)) for one in self.book.entries]
        return [Entry(one.account_id, one.number, one.kind, moved) for one, moved in moves]

    def outcome(self, shipment_id: str) -> str | None:
        shipment = self.book.shipments.get(shipment_id)
        if shipment is None:
            return None
        return "withdrawn" if shipment.progress == "retracted" else shipment.outcome or "parked"

    def endings(self) -> dict[str, str]:
        return {name: ending.status for name, ending in self.book.endings.items()}

    def licence_state(self, licence_id: str) -> str | None:
        licence = self.book.licences.get(licence_id)
        return None if licence is None or licence.state == "awaited" else licence.state
