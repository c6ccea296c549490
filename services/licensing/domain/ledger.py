"""The ledger: accounts that are granted, reserved and written off, and the entries that say why.

An account is whatever can be drawn: a licence line or a quota. Every change of a balance is an
entry; entries are only ever added. All masses are whole milligrams. The two phases (reserve on
declaration, write off on clearance, give back otherwise) follow the pending transfers of
double-entry ledgers.
"""

from dataclasses import dataclass
from typing import Literal

EntryKind = Literal["grant", "reserve", "write_off", "give_back", "refund"]


MAX_GRANT_MG = 4 * 10**18
"""So that a grant and all that was drawn under an earlier one fit in 64 bits together."""


class OverdrawnError(Exception):
    """A draw was asked of an account that has not enough left: a fault in what decides, never a verdict."""


@dataclass(slots=True)
class Account:
    """One account's balance. `excess_mg` is how far its grant was cut below what had been drawn."""

    account_id: str
    granted_mg: int = 0
    reserved_mg: int = 0
    written_off_mg: int = 0
    excess_mg: int = 0
    entries: int = 0

    @property
    def used_mg(self) -> int:
        """What is reserved or written off."""
        return self.reserved_mg + self.written_off_mg

    @property
    def left_mg(self) -> int:
        """What can still be reserved; zero where the grant was cut below what was drawn."""
        return max(0, self.granted_mg - self.used_mg)

    def is_critical(self, used_percent: int) -> bool:
        """Return whether at least `used_percent` of the grant is used."""
        return self.used_mg * 100 >= self.granted_mg * used_percent


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one account, numbered from 1 in its account; the deltas sum to the balance."""

    account_id: str
    number: int
    kind: EntryKind
    granted_mg: int
    reserved_mg: int
    written_off_mg: int
    caused_by: str
    """Source and id of the event, joined by a blank."""
    shipment_id: str | None = None
    line_no: int | None = None

    @property
    def name(self) -> str:
        """Account and number, joined by `#`."""
        return f"{self.account_id}#{self.number}"


@dataclass(frozen=True, slots=True)
class Draw:
    """What one shipment line takes from one account."""

    account_id: str
    line_no: int
    mass_mg: int


def _post(
    account: Account, kind: EntryKind, delta: tuple[int, int, int], cause: str, ship: str | None, line: int | None
) -> Entry:
    granted, reserved, written_off = delta
    account.granted_mg += granted
    account.reserved_mg += reserved
    account.written_off_mg += written_off
    account.entries += 1
    account.excess_mg = max(0, account.used_mg - account.granted_mg)
    return Entry(account.account_id, account.entries, kind, granted, reserved, written_off, cause, ship, line)


def grant(account: Account, granted_mg: int, cause: str) -> Entry:
    """Set what the account is granted; a cut below what was drawn becomes its excess."""
    return _post(account, "grant", (granted_mg - account.granted_mg, 0, 0), cause, None, None)


def reserve(account: Account, draw: Draw, shipment_id: str, cause: str) -> Entry:
    """Set the mass aside. Raises OverdrawnError when not enough is left."""
    if draw.mass_mg > account.left_mg:
        raise OverdrawnError(f"{account.account_id}: {draw.mass_mg} mg asked, {account.left_mg} mg left")
    return _post(account, "reserve", (0, draw.mass_mg, 0), cause, shipment_id, draw.line_no)


def write_off(account: Account, draw: Draw, shipment_id: str, cause: str) -> Entry:
    """Turn a reservation into use."""
    return _post(account, "write_off", (0, -draw.mass_mg, draw.mass_mg), cause, shipment_id, draw.line_no)


def give_back(account: Account, draw: Draw, shipment_id: str, cause: str) -> Entry:
    """Release a reservation."""
    return _post(account, "give_back", (0, -draw.mass_mg, 0), cause, shipment_id, draw.line_no)


def refund(account: Account, draw: Draw, shipment_id: str, cause: str) -> Entry:
    """Take back what was written off, for goods that cleared and yet did not leave."""
    return _post(account, "refund", (0, 0, -draw.mass_mg), cause, shipment_id, draw.line_no)
