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


class Answers(Protocol):
    """What can be asked; account, shipment and event names are those of the rules."""

    @property
    def conflicts(self) -> int:
        """How many events came with another body under an id that was known."""

    def accounts(self) -> dict[str, Sums]: ...
    def outcome(self, shipment_id: str) -> str | None: ...
    def endings(self) -> dict[str, str]: ...
    def licence_state(self, licence_id: str) -> str | None: ...


class Books(Answers, Protocol):
    """Books that are kept as entries."""

    def entries(self) -> Iterable[Entry]: ...


class Reader(Answers, Protocol):
    """What reads events, the reference or an engine."""

    def apply(self, event: Event[Any]) -> None: ...


class Engine(Books, Reader, Protocol):
    """An engine under test."""


@dataclass(frozen=True)
class Snapshot:
    """The books of one moment, as they were read."""

    conflicts: int
    sums: dict[str, Sums]
    ledger: list[Entry]
    outcomes: dict[str, str]
    statuses: dict[str, str]
    states: dict[str, str]

    def accounts(self) -> dict[str, Sums]:
        return self.sums

    def entries(self) -> list[Entry]:
        return self.ledger

    def outcome(self, shipment_id: str) -> str | None:
        return self.outcomes.get(shipment_id)

    def endings(self) -> dict[str, str]:
        return self.statuses

    def licence_state(self, licence_id: str) -> str | None:
        return self.states.get(licence_id)


def outcome_of(outcome: str | None, progress: str) -> str:
    """Return what became of a shipment in the rules' words."""
    return "withdrawn" if progress == "retracted" else outcome or "parked"


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
        return outcome_of(shipment.outcome, shipment.progress) if shipment else None

    def endings(self) -> dict[str, str]:
        return {name: ending.status for name, ending in self.book.endings.items()}

    def licence_state(self, licence_id: str) -> str | None:
        licence = self.book.licences.get(licence_id)
        return None if licence is None or licence.state == "awaited" else licence.state
