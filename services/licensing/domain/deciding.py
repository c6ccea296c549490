"""Whether a declared shipment may go: regimes, then licences, then quotas; every rule says what it found."""

from dataclasses import dataclass, field
from datetime import datetime

from services.licensing.domain.book import Book
from services.licensing.domain.commodities import matches
from services.licensing.domain.ledger import Account, Draw
from services.licensing.domain.licences import Licence
from services.licensing.domain.regimes import Regime
from shared.events import LicenceLine, LicenceTerms, Outcome, Reason, ShipmentDeclared, ShipmentLine
from shared.masses import spoken


@dataclass(slots=True)
class Verdict:
    """What the rules found: refusals deny; `awaits` names licences that nobody has issued yet."""

    passed: list[Reason] = field(default_factory=list)
    refused: list[Reason] = field(default_factory=list)
    awaits: list[str] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome | None:
        """The strictest of what the rules said; None: wait for a licence."""
        if self.refused:
            return "denied"
        return None if self.awaits else "permitted"

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Every rule that spoke, what refuses first."""
        return (*self.refused, *self.passed)


def judge(shipment: ShipmentDeclared, at: datetime, book: Book) -> Verdict:
    """Return what the rules say of a shipment declared at the time. Raises Missing for what is not loaded.

    All or nothing: a shipment is permitted when each of its lines is, and draws only then.
    """
    verdict = Verdict()
    for line in shipment.lines:
        _judge_licence(shipment, line, at, book, verdict)
        _judge_quotas(shipment, line, at, book, verdict)
    return verdict


def _judge_licence(s: ShipmentDeclared, line: ShipmentLine, at: datetime, book: Book, verdict: Verdict) -> None:
    regimes = [
        regime
        for regime in book.regimes.values()
        if regime.is_in_force(at) and regime.covers_goods(line.commodity, s.origin, s.destination)
    ]
    if not regimes:
        verdict.passed.append(Reason(rule="regime.none", says=f"line {line.line_no}: no regime requires a licence"))
    elif line.licence_id is None:
        verdict.refused.append(_no_licence(line, regimes))
    else:
        licence = book.licence(line.licence_id)
        if licence.terms is None:
            verdict.awaits.append(f"licence:{licence.licence_id}")
        else:
            _judge_terms(s, line, at, licence, licence.terms, book, verdict)


def _no_licence(line: ShipmentLine, regimes: list[Regime]) -> Reason:
    titles = "; ".join(sorted(regime.terms.title for regime in regimes))
    return Reason(rule="licence.required", says=f"line {line.line_no}: {titles} requires a licence and none is named")


def _judge_terms(
    s: ShipmentDeclared,
    line: ShipmentLine,
    at: datetime,
    licence: Licence,
    terms: LicenceTerms,
    book: Book,
    verdict: Verdict,
) -> None:
    faults = [
        Reason(rule=rule, says=f"line {line.line_no}: licence {licence.licence_id} {says}")
        for rule, is_met, says in _conditions(s, at, licence, terms)
        if not is_met
    ]
    verdict.refused.extend(faults)
    covering = [granted for granted in terms.lines if matches(granted.covers, line.commodity)]
    if not covering:
        says = f"line {line.line_no}: no line of licence {licence.licence_id} covers these goods"
        verdict.refused.append(Reason(rule="licence.commodity", says=says))
    elif not faults:
        _draw_on_licence(line, licence, covering, book, verdict)


def _conditions(
    s: ShipmentDeclared, at: datetime, licence: Licence, terms: LicenceTerms
) -> list[tuple[str, bool, str]]:
    window = f"is valid from {terms.valid_from.isoformat()} until {terms.valid_until.isoformat()}"
    state = licence.state if licence.state in ("suspended", "revoked") else None
    return [
        ("licence.state", state is None, f"is {state}"),
        ("licence.validity", terms.valid_from <= at < terms.valid_until, f"{window}, not at {at.isoformat()}"),
        ("licence.exporter", terms.exporter == s.exporter, f"is for exporter {terms.exporter}, not {s.exporter}"),
        ("licence.origin", terms.origin == s.origin, f"is for goods from {terms.origin}, not {s.origin}"),
        (
            "licence.destination",
            s.destination in terms.destinations,
            f"is for {', '.join(terms.destinations)}, not {s.destination}",
        ),
        (
            "licence.consignee",
            not terms.consignees or s.consignee in terms.consignees,
            f"does not name consignee {s.consignee}",
        ),
        (
            "licence.end_user",
            not terms.end_users or s.end_user in terms.end_users,
            f"does not name end user {s.end_user}",
        ),
        ("licence.end_use", not terms.end_uses or s.end_use in terms.end_uses, f"does not name end use {s.end_use}"),
    ]


def _draw_on_licence(
    line: ShipmentLine, licence: Licence, covering: list[LicenceLine], book: Book, verdict: Verdict
) -> None:
    """Take the first covering line that has enough; a shipment line is not split over licence lines."""
    asked_mg = line.net_mass.mg
    short: list[tuple[int, int, Reason]] = []
    for granted in covering:
        account = book.account(licence.account_of(granted.line_no))
        left_mg = account.left_mg - _pending(verdict, account)
        what = f"licence {licence.licence_id} line {granted.line_no}"
        reason = _balance("licence.balance", f"line {line.line_no}: {what}", asked_mg, left_mg, account)
        if asked_mg <= left_mg:
            verdict.draws.append(Draw(account.account_id, line.line_no, asked_mg))
            verdict.passed.append(reason)
            return
        short.append((left_mg, -granted.line_no, reason))
    # Of the lines that cover the goods, the one that would have come nearest says why.
    verdict.refused.append(max(short, key=lambda found: found[:2])[2])


def _judge_quotas(s: ShipmentDeclared, line: ShipmentLine, at: datetime, book: Book, verdict: Verdict) -> None:
    asked_mg = line.net_mass.mg
    for _, quota in sorted(book.quotas.items()):
        if not quota.in_period(at) or not quota.concerns(s, line.commodity):
            continue
        what = f"line {line.line_no}: quota {quota.terms.quota_id}"
        if not quota.is_open(at):
            verdict.refused.append(Reason(rule="quota.closed", says=f"{what} is closed"))
            continue
        account = book.account(quota.account_id)
        left_mg = account.left_mg - _pending(verdict, account)
        reason = _balance("quota.balance", what, asked_mg, left_mg, account)
        if asked_mg <= left_mg:
            verdict.draws.append(Draw(account.account_id, line.line_no, asked_mg))
            verdict.passed.append(reason)
        else:
            verdict.refused.append(reason)


def _pending(verdict: Verdict, account: Account) -> int:
    """Return what earlier lines of the same shipment would take from the account."""
    return sum(draw.mass_mg for draw in verdict.draws if draw.account_id == account.account_id)


def _balance(rule: str, what: str, asked_mg: int, left_mg: int, account: Account) -> Reason:
    says = f"{what}: {spoken(asked_mg)} asked, {spoken(left_mg)} left of {spoken(account.granted_mg)}"
    figures = {"asked": spoken(asked_mg), "left": spoken(left_mg), "granted": spoken(account.granted_mg)}
    return Reason(rule=rule, says=says, figures=figures)
