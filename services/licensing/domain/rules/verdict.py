"""What is asked of the rules, and what they found."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from services.licensing.domain.book import Book, Noticed
from services.licensing.domain.ledger import MASS, PIECE, Account, Draw
from shared.events import Declaration, Effect, Outcome, Reason
from shared.masses import spoken

MONEY_DIGITS = 4


class Case(msgspec.Struct, frozen=True):
    """A declaration to be judged as of a time.

    `own` is what the shipment itself draws already, by account: it counts as left. `allotted` is
    what each line was allotted of a pro-rata quota, in milligrams. `waived_by` names the officer
    whose decision takes the place of every rule but a balance. `times_decided` counts the decisions before.
    """

    declared: Declaration
    at: datetime
    book: Book
    own: Mapping[str, int] = {}
    allotted: Mapping[tuple[str, int], int] = {}
    waived_by: str | None = None
    times_decided: int = 0


class Await(NamedTuple):
    """What a shipment waits for, and until when at most; None: as long as the policy lets events wait."""

    key: str
    until: datetime | None = None


class Verdict(msgspec.Struct):
    """What the rules found. A refusal denies, what is in doubt holds, what is awaited lets the shipment wait."""

    case: Case
    passed: list[Reason] = []
    refused: list[Reason] = []
    doubted: list[Reason] = []
    awaits: list[Await] = []
    draws: list[Draw] = []
    shares: list[Draw] = []
    """What is set aside for a shipment that is held because it was allotted less than it asked for."""
    quotas: dict[str, None] = {}
    """The accounts of those that concern a line."""
    rulebook: str | None = None
    """The version of the monitoring rules that were asked."""
    noticed: list[Noticed] = []
    _noted: set[str] = set()

    @property
    def outcome(self) -> Outcome | None:
        """The strictest of what the rules said; None: wait."""
        if self.refused:
            return "denied"
        if self.doubted:
            return "held"
        return None if self.awaits else "permitted"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every rule that spoke, what refuses first."""
        return (
            *with_effect("refused", self.refused),
            *with_effect("held", self.doubted),
            *with_effect("passed", self.passed),
        )

    @property
    def taken(self) -> tuple[Draw, ...]:
        """What the shipment draws by this verdict."""
        by_outcome = {"permitted": self.draws, "held": self.shares}
        return tuple(by_outcome.get(self.outcome or "", ()))

    def refuse(self, reason: Reason) -> None:
        """Deny for a reason, unless an officer waived it."""
        (self.passed.append(_waived(reason, self.case)) if self.case.waived_by else self.refused.append(reason))

    def note(self, reason: Reason) -> None:
        """Note what passes for the whole shipment, once however many of its lines say it."""
        if reason.says not in self._noted:
            self._noted.add(reason.says)
            self.passed.append(reason)

    def doubt(self, reason: Reason) -> None:
        """Hold for a reason, unless an officer waived it."""
        (self.passed.append(_waived(reason, self.case)) if self.case.waived_by else self.doubted.append(reason))

    def free(self, account: Account) -> int:
        """Return what is free for this shipment: what it draws already counts, what its other lines take does not."""
        pending = sum([draw.amount for draw in self.draws if draw.account_id == account.account_id])
        return account.free + self.case.own.get(account.account_id, 0) - pending


def with_effect(effect: Effect, reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons, each saying what it does to the shipment."""
    return tuple([replace(reason, effect=effect) for reason in reasons])


def _waived(reason: Reason, case: Case) -> Reason:
    return Reason(rule=reason.rule, says=f"{reason.says}; waived by {case.waived_by}", figures=reason.figures)


def balance(rule: str, what: str, account: Account, asked: int, free: int, beyond: int = 0, remedy: str = "") -> Reason:
    """Return the sentence and the figures of a comparison with what an account has left."""
    told = {
        "asked": amount(asked, account.unit),
        "left": amount(max(0, free), account.unit),
        "granted": amount(account.granted, account.unit),
        "tolerance": amount(beyond, account.unit) if beyond else "0",
        "position": account.position,
    }
    says = f"{what}: {told['asked']} asked, {told['left']} left of {told['granted']}; tolerance {told['tolerance']}"
    return Reason(rule=rule, says=says, figures=told, remedy=remedy)


def amount(value: int, unit: str) -> str:
    """Return an amount of an account as people read it."""
    if unit == MASS:
        return spoken(value)
    if unit == PIECE:
        return f"{value} use{'' if value == 1 else 's'}"
    whole, part = divmod(value, 10**MONEY_DIGITS)
    return f"{whole:,}.{part:04d} {unit}".replace(".0000 ", ".00 ")
