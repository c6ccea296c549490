"""What the tests ask of an engine, whichever it is: in memory, or the service's own on PostgreSQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from shared.cloudevents import Event

Sums = tuple[int, int, int]
"""Granted, reserved, written off."""


@dataclass(frozen=True)
class Entry:
    """An entry of the ledger: its place in its account and by how much it moved the account's sums."""

    account: str
    number: int
    kind: str
    moved: Sums


class Engine(Protocol):
    """An engine under test; account, shipment and event names are those of the rules."""

    def apply(self, event: Event[Any], body: bytes) -> None: ...
    def accounts(self) -> dict[str, Sums]: ...
    def entries(self) -> Iterable[Entry]: ...
    def outcome(self, shipment_id: str) -> str | None: ...
    def endings(self) -> dict[str, str]: ...
    def licence_state(self, licence_id: str) -> str | None: ...
