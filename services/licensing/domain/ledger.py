"""The ledger: accounts that are granted, reserved and written off, and the entries that say why.

An account is whatever can be drawn: a licence line's mass or value, the one use of a single-use
licence, a quota or a part of it. Its unit is fixed: milligrams, ten-thousandths of a currency, or
pieces. Every change of a balance is an entry; entries are only ever added. The two phases (reserve
on declaration, write off on clearance, give back otherwise) follow the pending transfers of
double-entry ledgers; what was wrong is put right by further entries.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import msgspec

EntryKind = Literal["grant", "brought_forward", "reserve", "write_off", "give_back", "refund", "unclear"]

MASS = "MGM"
"""The unit of accounts of mass, by its UN/ECE Recommendation 20 code: the milligram."""
PIECE = "C62"
"""The unit of accounts of uses: one."""
MAX_GRANT = 4 * 10**18
"""So that a grant and all that was drawn under an earlier one fit in 64 bits together."""


NAMES_KEPT = 50_000
"""So many names are remembered: an account is asked for several times with each draw."""


@lru_cache(NAMES_KEPT)
def account_name(*parts: str) -> str:
    """Return the id of an account: kind, owner and part joined by colons; a colon inside a part is quoted."""
    return ":".join([_quoted(part) if ":" in part or "%" in part else part for part in parts])


def _quoted(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


@lru_cache(NAMES_KEPT)
def account_parts(account_id: str) -> tuple[str, ...]:
    """Return what an account's id was made of."""
    return tuple(part.replace("%3A", ":").replace("%25", "%") for part in account_id.split(":"))


def account_words(account_id: str) -> str:
    """Return what an account is of, e.g. `licence L-7, line 2, value`."""
    kind, owner, *part = account_parts(account_id)
    if part and kind == "licence" and part[0].isdecimal():
        part[0] = f"line {part[0]}"
    return ", ".join((f"{kind} {owner}", " ".join(part[:2]) if kind == "quota" else ", ".join(part))).rstrip(", ")


class OverdrawnError(Exception):
    """A draw was asked of an account that has not enough left: a fault in what decides, never a verdict."""


@dataclass(slots=True)
class Account:
    """One account's balance. `excess` is how far use is above the grant, by a cut grant or a tolerance."""

    account_id: str
    unit: str = MASS
    granted: int = 0
    reserved: int = 0
    written_off: int = 0
    excess: int = 0
    entries: int = 0

    @property
    def used(self) -> int:
        """What is reserved or written off."""
        return self.reserved + self.written_off

    @property
    def free(self) -> int:
        """What is granted less what is used; below zero by the excess."""
        return self.granted - self.reserved - self.written_off

    @property
    def left(self) -> int:
        """What can still be reserved without any tolerance."""
        return max(0, self.free)

    @property
    def position(self) -> str:
        """The name of its latest entry: where its book stands."""
        return f"{self.account_id}#{self.entries}"

    def is_critical(self, used_percent: int) -> bool:
        """Return whether at least `used_percent` of the grant is used."""
        return self.used * 100 >= self.granted * used_percent


class Entry(msgspec.Struct, frozen=True):
    """One change of one account, numbered from 1 in its account; the deltas sum to the balance.

    `free_after` is what was free then; a draw may leave it below zero by no more than `beyond`,
    the tolerance that was allowed to it.
    """

    account_id: str
    number: int
    kind: EntryKind
    granted: int
    reserved: int
    written_off: int
    free_after: int
    beyond: int
    caused_by: str
    """Source and id of the event, joined by a blank."""
    shipment_id: str | None = None
    line_no: int | None = None

    @property
    def name(self) -> str:
        """Account and number, joined by `#`."""
        return f"{self.account_id}#{self.number}"


class Draw(msgspec.Struct, frozen=True, array_like=True, order=True):
    """What one shipment line takes from one account, and the tolerance that it may rely on; in order of these two."""

    account_id: str
    line_no: int
    amount: int
    beyond: int = 0


class Cause(msgspec.Struct, frozen=True):
    """Why an entry is written: the event, and the shipment line if it is about one."""

    event: str
    shipment_id: str | None = None
    line_no: int | None = None


_DELTAS: dict[EntryKind, tuple[int, int]] = {
    "brought_forward": (0, 1),
    "reserve": (1, 0),
    "write_off": (-1, 1),
    "give_back": (-1, 0),
    "refund": (0, -1),
    "unclear": (1, -1),
}
"""By kind: how an amount changes what is reserved and what is written off."""


def grant(account: Account, granted: int, cause: Cause) -> Entry:
    """Set what the account is granted; a cut below what was drawn becomes its excess."""
    return _post(account, "grant", (granted - account.granted, 0, 0), 0, cause)


def post(account: Account, kind: EntryKind, amount: int, cause: Cause, beyond: int = 0) -> Entry:
    """Move an amount between the phases of an account.

    Raises OverdrawnError when a draw asks for more than is free with the tolerance, or when more
    would be taken out of a phase than is in it.
    """
    reserved, written_off = _DELTAS[kind]
    if reserved + written_off > 0 and amount > account.free + beyond:
        raise OverdrawnError(f"{account.account_id}: {amount} asked, {account.free} free, {beyond} tolerated")
    if account.reserved + reserved * amount < 0 or account.written_off + written_off * amount < 0:
        raise OverdrawnError(f"{account.account_id}: {kind} of {amount} is more than there is")
    return _post(account, kind, (0, reserved * amount, written_off * amount), beyond, cause)


def _post(account: Account, kind: EntryKind, delta: tuple[int, int, int], beyond: int, cause: Cause) -> Entry:
    account.granted += delta[0]
    account.reserved += delta[1]
    account.written_off += delta[2]
    account.entries += 1
    free = account.free
    account.excess = max(0, -free)
    names = (cause.event, cause.shipment_id, cause.line_no)
    return Entry(account.account_id, account.entries, kind, *delta, free, beyond, *names)


def steps(draw: Draw | None, phase: str, wanted: Draw | None, wanted_phase: str) -> list[tuple[EntryKind, int]]:
    """Return kind and amount of the entries that bring a draw from one position to another, what shrinks first.

    A phase is `reserved` or `written_off`; in any other nothing is drawn.
    """
    now = draw.amount if draw and phase in ("reserved", "written_off") else 0
    then = wanted.amount if wanted and wanted_phase in ("reserved", "written_off") else 0
    was_off, is_off = (now if phase == "written_off" else 0), (then if wanted_phase == "written_off" else 0)
    found: list[tuple[EntryKind, int]] = []
    if then < now:
        found.append(("refund" if was_off else "give_back", now - then))
        was_off = min(was_off, then)
    elif then > now:
        found.append(("reserve", then - now))
    if is_off > was_off:
        found.append(("write_off", is_off - was_off))
    elif is_off < was_off:
        found.append(("unclear", was_off - is_off))
    return found
