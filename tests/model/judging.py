"""How one declaration is judged, line by line, on given books."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Protocol

from shared import events as on
from tests.model import registers as read

Tolerances = Sequence[on.Tolerance]


class Books(Protocol):
    """What a judgement asks of the books; the shipment's own draws are already out of them."""

    months: dict[str, int]
    """Caps of the months in which some shipment was judged."""

    def regimes(self, at: datetime) -> list[on.RegimeTerms]: ...
    def licence(self, licence_id: str) -> read.History: ...
    def quotas(self) -> dict[str, read.History]: ...
    def granted(self, account: str) -> int: ...
    def used(self, account: str) -> int: ...


@dataclass
class Verdict:
    """What the rules said of a declaration."""

    refused: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    awaits: list[str] = field(default_factory=list)
    draws: Counter[str] = field(default_factory=Counter)
    caps: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, bool] = field(default_factory=dict)
    """Kinds that are asked for, and whether each was shown."""
    unwaivable: bool = False
    """A quantity cannot be measured, which is not for an officer to let pass."""

    @property
    def outcome(self) -> str:
        if self.refused or self.short:
            return "denied"
        return "held" if self.unclear else "parked" if self.awaits else "permitted"


@dataclass
class Ask:
    """What a line would draw of an account; None where that is refused."""

    account: str
    drawn: int | None
    has_all: bool = False


class Judgement:
    """Judges a declaration as of a moment."""

    def __init__(self, books: Books, data: on.Declaration, at: datetime, *, is_waived: bool) -> None:
        self.books, self.data, self.at, self.is_waived = books, data, at, is_waived
        self.says = Verdict()

    def judge(self) -> Verdict:
        for line in self.data.lines:
            self._licences(line, self._regimes(line))
            for quota_id, history in self.books.quotas().items():
                self._quota(line, quota_id, history)
        if not all(self.says.evidence.values()):
            self.says.unclear.append("evidence")
        return self.says

    def _ask_for(self, kinds: Iterable[str]) -> None:
        self.says.evidence |= {kind: has_evidence(self.data, kind, self.at) for kind in kinds}

    def _regimes(self, line: on.ShipmentLine) -> list[tuple[on.RegimeTerms, str]]:
        """Speak for the regimes, and return those that ask for a licence with what they ask."""
        asking = []
        for terms in self.books.regimes(self.at):
            requires, covers, destinations = read.phase_of(terms, self.at)
            found = read.covers(covers, line.commodity)
            there = terms.origin == self.data.origin and read.goes_there(destinations, self.data.destination)
            is_exempt = self.data.end_use in terms.exempt_end_uses
            if found is None and there and not is_exempt:
                self.says.unclear.append("goods.undeclared")
            if not found or not there or is_exempt:
                continue
            if self.data.end_use in terms.barred_end_uses or self.data.end_user in terms.barred_end_users:
                self.says.refused.append("regime.barred")
            if requires == "prohibition":
                self.says.refused.append("regime.prohibited")
            self._ask_for(terms.needs_evidence)
            if requires in {"licence", "registration"}:
                asking.append((terms, requires))
        return asking

    def _licences(self, line: on.ShipmentLine, asking: list[tuple[on.RegimeTerms, str]]) -> None:
        by_authority = sorted(asking, key=_licensed_by)
        for authority, group in groupby(by_authority, key=_licensed_by):
            regimes = list(group)
            histories = {name: self.books.licence(name) for name in line.licences}
            terms = {name: read.licence_terms(history) for name, history in histories.items()}
            of_authority = [name for name, of in terms.items() if of is None or of.authority == authority]
            issued = [name for name in of_authority if read.is_decided(histories[name])]
            if issued:
                self._licence(line, issued[0], regimes)
            elif of_authority:
                self.says.awaits.append(f"licence:{of_authority[0]}")
            else:
                self.says.refused.append("licence.required")

    def _licence(self, line: on.ShipmentLine, licence_id: str, regimes: list[tuple[on.RegimeTerms, str]]) -> None:
        history = self.books.licence(licence_id)
        terms = read.licence_terms(history)
        if terms is None:
            raise AssertionError("an issued licence has terms")
        if read.licence_stop(history, self.at):
            self.says.refused.append("licence.state")
        if not terms.valid_from <= self.at < terms.valid_until:
            self.says.refused.append("licence.validity")
        for regime, requires in regimes:
            self._kind_and_term(terms, regime, requires)
        self._conditions(terms)
        self._ask_for(terms.needs_evidence)
        self._draw_licence(line, terms, [regime for regime, _ in regimes])

    def _kind_and_term(self, terms: on.LicenceTerms, regime: on.RegimeTerms, requires: str) -> None:
        registers = terms.kind == "certificate" and requires == "registration"
        accepted = terms.kind in regime.accepts if regime.accepts else terms.kind != "certificate"
        if not (accepted or registers):
            self.says.refused.append("licence.kind")
        for longest in regime.max_validity:
            if longest.kind == terms.kind and terms.valid_until > read.months_later(terms.valid_from, longest.months):
                self.says.refused.append("licence.term")

    def _conditions(self, terms: on.LicenceTerms) -> None:
        data = self.data
        kept = {
            "exporter": data.exporter == terms.exporter,
            "origin": data.origin == terms.origin,
            "destination": data.destination in terms.destinations,
            "consignee": not terms.consignees or data.consignee in terms.consignees,
            "end_user": not terms.end_users or data.end_user in terms.end_users,
            "end_use": not terms.end_uses or data.end_use in terms.end_uses,
            "port": not terms.ports or data.port in terms.ports,
            "re_export": not (terms.bars_re_export and data.re_exported_to),
        }
        self.says.refused.extend(f"licence.{rule}" for rule, is_kept in kept.items() if not is_kept)

    def _draw_licence(self, line: on.ShipmentLine, terms: on.LicenceTerms, regimes: list[on.RegimeTerms]) -> None:
        covering = [one for one in terms.lines if read.covers([one.covers], line.commodity)]
        if not covering:
            self.says.refused.append("licence.goods")
            return
        uses = f"licence:{terms.licence_id}:uses"
        if terms.kind == "single_use" and not self.says.draws[uses]:
            self._draw_all({uses: 1}, "licence.uses")
        attempts = [self._wanted(line, terms.licence_id, one, regimes) for one in covering]
        asked = [one for one in attempts if one is not None]
        if not asked:
            self.says.short.append("licence.currency")
        elif enough := [one for one in asked if all(ask.has_all for ask in one)]:
            self._draw(enough[0])
        elif warned := [one for one in asked if all(ask.drawn is not None for ask in one)]:
            self._draw(warned[0])
        else:
            self.says.short.append("licence.balance")

    def _draw(self, asks: list[Ask]) -> None:
        self.says.draws.update({ask.account: ask.drawn for ask in asks if ask.drawn})

    def _wanted(
        self, line: on.ShipmentLine, licence_id: str, of: on.LicenceLine, regimes: list[on.RegimeTerms]
    ) -> list[Ask] | None:
        """Return what the line would ask of a licence line; None where their currencies differ."""
        account = f"licence:{licence_id}:{of.line_no}"
        asks = []
        if of.mass is not None:
            tolerances = [regime.mass_tolerance for regime in regimes]
            warns = all(regime.beyond_mass == "warn" for regime in regimes)
            asks.append(self._ask(account, read.measured(line, of.measure) or 0, tolerances, warns=warns))
        if of.value is not None and line.value is not None:
            if line.value.currency != of.value.currency:
                return None
            tolerances = [regime.value_tolerance for regime in regimes]
            warns = all(regime.beyond_value == "warn" for regime in regimes)
            asks.append(self._ask(f"{account}:value", line.value.units, tolerances, warns=warns))
        return asks

    def _ask(self, account: str, amount: int, tolerances: Tolerances, *, warns: bool) -> Ask:
        if self._has(account, amount, tolerances):
            return Ask(account, amount, has_all=True)
        if not warns:
            return Ask(account, None)
        return Ask(account, max(0, self._left(account) + self._beyond(account, tolerances)))

    def _left(self, account: str) -> int:
        return self._granted(account) - self.books.used(account) - self.says.draws[account]

    def _granted(self, account: str) -> int:
        return self.says.caps.get(account, self.books.granted(account))

    def _has(self, account: str, amount: int, tolerances: Tolerances = ()) -> bool:
        return amount <= self._left(account) + self._beyond(account, tolerances)

    def _beyond(self, account: str, tolerances: Tolerances) -> int:
        """Return the smallest of the tolerances."""
        bases = {"none": 0, "line": self._granted(account), "balance": max(0, self._left(account))}
        return min((bases[one.of] * one.percent // 100 for one in tolerances), default=0)

    def _draw_all(self, wanted: dict[str, int], rule: str) -> None:
        """Draw on every account or note that one is short."""
        if all(self._has(account, amount) for account, amount in wanted.items()):
            self.says.draws.update(wanted)
        else:
            self.says.short.append(rule)

    def _quota(self, line: on.ShipmentLine, quota_id: str, history: read.History) -> None:
        terms = read.quota_terms(history)
        if terms is None or not self._concerns(terms, line):
            return
        accounts = list(self._quota_accounts(terms, line))
        stop = read.quota_stop(history, self.at)
        if stop == "blocked":
            self.says.awaits.append(f"quota:{quota_id}")
            if not self.is_waived:
                return
        elif stop:
            self.says.refused.append("quota.state")
        amount = read.measured(line, terms.measure)
        if amount is None:
            self.says.unclear.append("quota.measure")
            self.says.unwaivable = True
            return
        self._draw_all(dict.fromkeys(accounts, amount), "quota.balance")

    def _concerns(self, terms: on.QuotaOpened, line: on.ShipmentLine) -> bool:
        data = self.data
        checks: list[Callable[[], bool]] = [
            lambda: terms.period_start <= self.at < terms.period_end,
            lambda: terms.origin == data.origin and read.goes_there(terms.destinations, data.destination),
            lambda: not terms.exporters or data.exporter in terms.exporters,
            lambda: not terms.end_uses or data.end_use in terms.end_uses,
            lambda: read.covers(terms.covers, line.commodity) is True,
        ]
        return all(check() for check in checks)

    def _quota_accounts(self, terms: on.QuotaOpened, line: on.ShipmentLine) -> Iterable[str]:
        name = f"quota:{terms.quota_id}"
        yield name
        for sub in terms.sub_limits:
            if read.covers(sub.covers, line.commodity):
                yield f"{name}:sub:{sub.sub_limit_id}"
        if terms.is_allocated:
            yield f"{name}:exporter:{self.data.exporter}"
        if terms.reserved_share and self.data.end_use not in terms.reserved_share.end_uses:
            yield f"{name}:open"
        if terms.monthly_cap is not None:
            month = f"{name}:month:{self.at.astimezone(UTC):%Y-%m}"
            self.says.caps[month] = terms.monthly_cap.mg
            yield month


def _licensed_by(asking: tuple[on.RegimeTerms, str]) -> str:
    return asking[0].licensed_by or asking[0].authority


def has_evidence(data: on.Declaration, kind: str, at: datetime) -> bool:
    return any(one.kind == kind and one.valid_from <= at < one.valid_until for one in data.evidence)


def judge(books: Books, data: on.Declaration, at: datetime, *, is_waived: bool = False) -> Verdict:
    """Judge a declaration as of a moment; an officer who waives the rules does not wait for a quota."""
    return Judgement(books, data, at, is_waived=is_waived).judge()
