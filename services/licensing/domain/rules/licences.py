"""What the licences that a shipment line names say: whether one covers it, and whether enough is left."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import MAXYEAR, UTC, datetime

import msgspec

from services.licensing.domain.commodities import matches
from services.licensing.domain.ledger import Account, Draw
from services.licensing.domain.licences import AWAITED, Licence
from services.licensing.domain.measuring import Unmeasurable, measured
from services.licensing.domain.regimes import Regime
from services.licensing.domain.rules.evidence import licence_faults
from services.licensing.domain.rules.remedies import remedy_of
from services.licensing.domain.rules.verdict import Await, Case, Verdict, amount, balance
from shared.events import Declaration, LicenceLine, LicenceTerms, Reason, ShipmentLine, Tolerance

DECEMBER = 12


def judge_licences(case: Case, line: ShipmentLine, demanding: list[Regime], verdict: Verdict) -> None:
    """Ask, for each authority whose regimes demand one, the line's licence of that authority. Raises Missing."""
    by_authority: dict[str, list[Regime]] = defaultdict(list)
    for regime in demanding:
        by_authority[regime.terms.licensed_by or regime.terms.authority].append(regime)
    for authority, regimes in sorted(by_authority.items()):
        named = [case.book.licence(licence_id) for licence_id in line.licences]
        own = [licence for licence in named if licence.terms is not None and licence.terms.authority == authority]
        awaited = [licence for licence in named if licence.terms is None]
        if own and own[0].state not in AWAITED:
            _judge_licence(case, line, own[0], regimes, verdict)
        elif own or awaited:
            # An officer's waiver does not wait for what may never come.
            if not case.waived_by:
                verdict.awaits.append(Await(f"licence:{(own or awaited)[0].licence_id}"))
        else:
            verdict.refuse(_none_named(line, regimes, authority, named, case.at))


def _none_named(
    line: ShipmentLine, regimes: list[Regime], authority: str, named: list[Licence], at: datetime
) -> Reason:
    titles = "; ".join(sorted(regime.terms.title for regime in regimes))
    who = f", only of {', '.join(sorted({n.terms.authority for n in named if n.terms}))}" if named else ""
    what = "licence" if any(r.phase(at).requires == "licence" for r in regimes) else "registration"
    says = f"line {line.line_no}: {titles} requires a {what} of {authority} and none is named{who}"
    return Reason(rule="licence.required", says=says, remedy=f"name a {what} of {authority} on line {line.line_no}")


def _judge_licence(case: Case, line: ShipmentLine, licence: Licence, regimes: list[Regime], verdict: Verdict) -> None:
    terms = licence.terms
    if terms is None:
        return
    refused = len(verdict.refused)
    complaints = list(_conditions(case, licence, terms, regimes))
    for rule, complaint in complaints:
        says = f"line {line.line_no}: licence {licence.licence_id} {complaint}"
        verdict.refuse(Reason(rule=rule, says=says, remedy=remedy_of(rule, case, licence, terms)))
    for reason in licence_faults(case, line, terms, case.at):
        verdict.doubt(reason)
    covering = [granted for granted in terms.lines if matches(granted.covers, line.commodity)]
    if not covering:
        says = f"line {line.line_no}: no line of licence {licence.licence_id} covers these goods"
        remedy = f"name a licence of {terms.authority} with a line for these goods, or have this one amended"
        verdict.refuse(Reason(rule="licence.commodity", says=says, remedy=remedy))
    elif len(verdict.refused) == refused:
        _draw(case, line, licence, covering, regimes, verdict)
        if not complaints:
            verdict.note(_met(licence, terms, regimes))
    if terms.report_within_days is not None:
        says = f"line {line.line_no}: the use is to be reported within {terms.report_within_days} days"
        verdict.passed.append(Reason(rule="licence.reporting", says=says))


def _met(licence: Licence, terms: LicenceTerms, regimes: list[Regime]) -> Reason:
    titles = "; ".join(sorted(regime.terms.title for regime in regimes))
    says = (
        f"licence {licence.licence_id} of {terms.authority}, valid from {terms.valid_from.date().isoformat()} until"
        f" {terms.valid_until.date().isoformat()}, meets its own conditions and those of {titles}"
    )
    return Reason(rule="licence.conditions", says=says)


def _conditions(case: Case, licence: Licence, terms: LicenceTerms, regimes: list[Regime]) -> Iterator[tuple[str, str]]:
    """Yield rule and complaint of each condition that is not met."""
    if (stopped := licence.stopped(case.at)) is not None:
        yield "licence.state", f"is {stopped}"
    if not terms.valid_from <= case.at < terms.valid_until:
        window = f"is valid from {terms.valid_from.isoformat()} until {terms.valid_until.isoformat()}"
        yield "licence.validity", f"{window}, not at {case.at.isoformat()}"
    yield from _of_places(case.declared, terms)
    yield from _of_parties(case.declared, terms)
    for regime in regimes:
        if not _accepts(regime, terms, case.at):
            yield "licence.kind", f"is of kind {terms.kind}, which {regime.terms.title} does not accept"
        if not _is_short_enough(regime, terms):
            yield "licence.term", _term_fault(regime, terms)


def _of_places(s: Declaration, terms: LicenceTerms) -> Iterator[tuple[str, str]]:
    if terms.origin != s.origin:
        yield "licence.origin", f"is for goods from {terms.origin}, not {s.origin}"
    if s.destination not in terms.destinations:
        yield "licence.destination", f"is for {', '.join(terms.destinations)}, not {s.destination}"
    if not _allows(terms.ports, s.port):
        yield "licence.port", f"is for port {', '.join(terms.ports)}, not {s.port or 'an undeclared one'}"
    if terms.bars_re_export and s.re_exported_to not in (None, s.destination):
        yield "licence.re_export", f"bars re-export to {s.re_exported_to}"


def _of_parties(s: Declaration, terms: LicenceTerms) -> Iterator[tuple[str, str]]:
    if terms.exporter != s.exporter:
        yield "licence.exporter", f"is for exporter {terms.exporter}, not {s.exporter}"
    if not _allows(terms.consignees, s.consignee):
        yield "licence.consignee", f"does not name consignee {s.consignee}"
    if not _allows(terms.end_users, s.end_user):
        end_user = s.end_user or "an undeclared one"
        yield "licence.end_user", f"is for end user {', '.join(terms.end_users)}, not {end_user}"
    if not _allows(terms.end_uses, s.end_use):
        end_use = f"end use {s.end_use}" if s.end_use else "an undeclared end use"
        yield "licence.end_use", f"does not name {end_use}"


def _allows(names: tuple[str, ...], name: str | None) -> bool:
    return not names or name in names


def _accepts(regime: Regime, terms: LicenceTerms, at: datetime) -> bool:
    if regime.terms.accepts:
        return terms.kind in regime.terms.accepts
    # Registering an export is all that a certificate does.
    return terms.kind != "certificate" or regime.phase(at).requires == "registration"


def _is_short_enough(regime: Regime, terms: LicenceTerms) -> bool:
    months = {limit.kind: limit.months for limit in regime.terms.max_validity}.get(terms.kind)
    return months is None or terms.valid_until <= _months_later(terms.valid_from, months)


def _term_fault(regime: Regime, terms: LicenceTerms) -> str:
    months = {limit.kind: limit.months for limit in regime.terms.max_validity}.get(terms.kind)
    return f"is valid for longer than the {months} months that {regime.terms.title} allows"


def _months_later(at: datetime, months: int) -> datetime:
    """Return the same day so many months later; the first of the month after where there is no such day.

    Beyond the calendar it is the last day that there is.
    """
    years, month = divmod(at.month - 1 + months, DECEMBER)
    if at.year + years >= MAXYEAR:
        return datetime.max.replace(tzinfo=UTC)
    try:
        return at.replace(year=at.year + years, month=month + 1)
    except ValueError:
        years, month = divmod(at.month + months, DECEMBER)
        return at.replace(year=at.year + years, month=month + 1, day=1)


class _Ask(msgspec.Struct, frozen=True):
    """What a line would take from an account, and what it may."""

    rule: str
    account: Account
    line_no: int
    asked: int
    free: int
    beyond: int
    only_warns: bool = False
    how: str = ""

    @property
    def fits(self) -> bool:
        return self.asked <= self.free + self.beyond


def _draw(
    case: Case, line: ShipmentLine, licence: Licence, covering: list[LicenceLine], regimes: list[Regime], v: Verdict
) -> None:
    """Draw on the first covering line that has enough of mass and value; a shipment line is not split over several.

    Balances are not waived by anyone: a quantity is the authority's to give.
    """
    payable = [granted for granted in covering if _is_in_its_currency(line, granted)]
    if not payable:
        v.refused.append(_foreign(line, licence, covering[0]))
        return
    tried: list[tuple[LicenceLine, list[_Ask]]] = []
    for granted in payable:
        try:
            asks = _asks(case, line, licence, granted, regimes, v)
        except Unmeasurable as fault:
            says = f"line {line.line_no}: licence {licence.licence_id} counts {granted.measure}"
            v.doubted.append(Reason(rule="licence.measure", says=f"{says}: {fault}", remedy=str(fault)))
            return
        if all(ask.fits for ask in asks):
            _take(line, licence, granted, asks, v)
            return
        tried.append((granted, asks))
    _fall_short(line, licence, tried, v)


def _fall_short(line: ShipmentLine, licence: Licence, tried: list[tuple[LicenceLine, list[_Ask]]], v: Verdict) -> None:
    """Draw on the first line that only warns; else let the one that would have come nearest say why not."""
    for granted, asks in tried:
        if all(ask.fits or ask.only_warns for ask in asks):
            _take(line, licence, granted, asks, v)
            return
    granted, asks = max(tried, key=lambda one: (min(ask.free - ask.asked for ask in one[1]), -one[0].line_no))
    for ask in asks:
        if not ask.fits and not ask.only_warns:
            v.refused.append(_told(line, licence, granted, ask))


def _is_in_its_currency(line: ShipmentLine, granted: LicenceLine) -> bool:
    return line.value is None or granted.value is None or line.value.currency == granted.value.currency


def _foreign(line: ShipmentLine, licence: Licence, granted: LicenceLine) -> Reason:
    declared, own = (money.currency if money else "" for money in (line.value, granted.value))
    what = f"line {line.line_no}: licence {licence.licence_id} line {granted.line_no}"
    says = f"{what} counts {own}, the value is declared in {declared}"
    return Reason(rule="licence.value", says=says, remedy=f"declare the value in {own}")


def _take(line: ShipmentLine, licence: Licence, granted: LicenceLine, asks: list[_Ask], v: Verdict) -> None:
    for ask in asks:
        v.passed.append(_told(line, licence, granted, ask))
        taken = min(ask.asked, max(0, ask.free + ask.beyond))
        if taken:
            v.draws.append(Draw(ask.account.account_id, ask.line_no, taken, ask.beyond))
    if not asks:
        says = f"line {line.line_no}: licence {licence.licence_id} line {granted.line_no} has no limit of quantity"
        v.passed.append(Reason(rule="licence.unlimited", says=says))


def _told(line: ShipmentLine, licence: Licence, granted: LicenceLine, ask: _Ask) -> Reason:
    what = f"line {line.line_no}: licence {licence.licence_id} line {granted.line_no}"
    if ask.fits:
        reason = balance(ask.rule, what, ask.account, ask.asked, ask.free, ask.beyond)
    elif ask.only_warns:
        reason = balance(ask.rule, f"warning: {what}", ask.account, ask.asked, ask.free, ask.beyond)
    else:
        left = amount(max(0, ask.free + ask.beyond), ask.account.unit)
        remedy = f"reduce line {line.line_no} to {left}, or name a licence that has enough left"
        reason = balance(ask.rule, what, ask.account, ask.asked, ask.free, ask.beyond, remedy)
    if not ask.how:
        return reason
    return Reason(rule=reason.rule, says=f"{reason.says} ({ask.how})", figures=reason.figures, remedy=reason.remedy)


def _asks(
    case: Case, line: ShipmentLine, licence: Licence, granted: LicenceLine, regimes: list[Regime], v: Verdict
) -> list[_Ask]:
    """Return what a shipment line asks of the accounts of a licence line. Raises Unmeasurable, Missing."""
    found = []
    if granted.mass is not None:
        account = case.book.account(licence.account_of(granted.line_no))
        mass, how = measured(line, granted.measure, case.book.policy)
        free, warns = v.free(account), all(r.terms.beyond_mass == "warn" for r in regimes)
        beyond = _tolerated([r.terms.mass_tolerance for r in regimes], account, free)
        found.append(_Ask("licence.balance", account, line.line_no, mass, free, beyond, warns, how))
    if granted.value is not None:
        account = case.book.account(licence.value_account_of(granted.line_no))
        if line.value is None:
            raise Unmeasurable(f"declare the value in {account.unit}")
        free, warns = v.free(account), all(r.terms.beyond_value == "warn" for r in regimes)
        beyond = _tolerated([r.terms.value_tolerance for r in regimes], account, free)
        found.append(_Ask("licence.value", account, line.line_no, line.value.units, free, beyond, warns))
    if licence.terms is not None and licence.terms.kind == "single_use":
        account = case.book.account(licence.uses_account)
        if not any(draw.account_id == account.account_id for draw in v.draws):
            found.append(_Ask("licence.single_use", account, line.line_no, 1, v.free(account), 0))
    return found


def _tolerated(tolerances: list[Tolerance], account: Account, free: int) -> int:
    """Return by how much more than what is free may be drawn: the least of what the regimes allow."""
    allowed = []
    for tolerance in tolerances:
        base = {"none": 0, "line": account.granted, "balance": max(0, free)}[tolerance.of]
        allowed.append(base * tolerance.percent // 100)
    return min(allowed, default=0)
