"""What is coming, day by day: the last days of licences and quotas, tranches, what regimes do, and what runs out.

Days are those of UTC. What ends at midnight ends with the day before: a licence that is valid until the 28th at
0:00 can be used on the 27th, and that is its last day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, NamedTuple

from services.licensing.domain.commodities import admits, may_overlap
from services.licensing.domain.forecasting import BACKTESTED, STATED, Span
from services.licensing.domain.ledger import account_name, account_parts, account_words
from services.licensing.domain.licences import Licence
from services.licensing.domain.outlook import Outlook
from services.licensing.domain.quotas import Quota
from services.licensing.domain.regimes import Regime
from shared.events import Destinations, LicenceTerms, Selector
from shared.masses import spoken

Kind = Literal[
    "licence.last_day",
    "quota.tranche",
    "quota.last_day",
    "regime.begins",
    "regime.phase",
    "regime.pauses",
    "regime.returns",
    "regime.ends",
    "forecast.runs_out",
]
LICENCES = {
    "individual": "Individual licence",
    "general": "General licence",
    "single_use": "Single-use licence",
    "certificate": "Export certificate",
}
MOST_NAMED = 8
"""So many countries are named; of more the number."""
_MOMENT = timedelta(microseconds=1)


class Upcoming(NamedTuple):
    """One thing that is coming. `kind` and `of` together are the same for as long as it is the same thing."""

    day: date
    kind: Kind
    of: str
    entity: str
    """The thing that it follows from, as its events name it, e.g. `licence:L-7`."""
    title: str
    says: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which goods, countries and exporter are asked for; None: all."""

    group: Selector | None = None
    origin: str | None = None
    destination: str | None = None
    exporter: str | None = None

    def has_licence(self, terms: LicenceTerms) -> bool:
        """Return whether some line of a licence may be used for what is asked for."""
        return (
            self._has_goods(tuple(line.covers for line in terms.lines))
            and self.origin in (None, terms.origin)
            and (self.destination is None or self.destination in terms.destinations)
            and self.exporter in (None, terms.exporter)
        )

    def has_quota(self, quota: Quota) -> bool:
        """Return whether what is asked for may draw on a quota."""
        terms = quota.terms
        return (
            self._has_goods(terms.covers)
            and self.origin in (None, terms.origin)
            and (self.destination is None or admits(terms.destinations, self.destination))
            and (self.exporter is None or not terms.exporters or self.exporter in terms.exporters)
        )

    def has_regime(self, regime: Regime, at: datetime) -> bool:
        """Return whether a regime reaches what is asked for in the phase that a time is in; exporters are all alike."""
        phase = regime.phase(at)
        return (
            self._has_goods(phase.covers)
            and self.origin in (None, regime.terms.origin)
            and (self.destination is None or admits(phase.destinations, self.destination))
        )

    def has_account(self, account_id: str) -> bool:
        """Return whether an account is not another exporter's part of a quota."""
        kind, _, *part = account_parts(account_id)
        others = kind == "quota" and part[:1] == ["exporter"] and self.exporter is not None
        return not others or part[1] == self.exporter

    def _has_goods(self, covers: Sequence[Selector]) -> bool:
        return self.group is None or any(may_overlap(self.group, selector) for selector in covers)


def of_licence(licence: Licence) -> Iterator[Upcoming]:
    """Yield the last day of a licence."""
    terms = licence.terms
    if terms is None:
        return
    says = (
        f"{LICENCES[terms.kind]} of {terms.authority} for {terms.exporter},"
        f" {terms.origin} to {_countries(terms.destinations)}, is valid until {_time(terms.valid_until)}."
    )
    if licence.is_suspended:
        says += " It is suspended."
    entity = f"licence:{licence.licence_id}"
    day, of = _last_day(terms.valid_until), account_name("licence", licence.licence_id)
    yield Upcoming(day, "licence.last_day", of, entity, f"Licence {licence.licence_id}: last day", says)


def of_quota(quota: Quota, now: datetime) -> Iterator[Upcoming]:
    """Yield the tranches of a quota that have not opened, and its last day; nothing of one that was closed."""
    if quota.status(now) == "closed":
        return
    terms, entity = quota.terms, f"quota:{quota.terms.quota_id}"
    where = f"{terms.title} ({terms.authority}, {terms.origin} to {_destinations(terms.destinations)})"
    for tranche in quota.tranches:
        if tranche.tranche_id not in quota.opened:
            of, day = quota.part_id("tranche", tranche.tranche_id), tranche.opens_at.astimezone(UTC).date()
            title = f"Quota {terms.quota_id}: tranche {tranche.tranche_id} opens, {spoken(tranche.amount.mg)}"
            says = f"{where}: {spoken(tranche.amount.mg)} more from {_time(tranche.opens_at)} on."
            yield Upcoming(day, "quota.tranche", of, entity, title, says)
    says = f"{where}: the period ends on {_time(terms.period_end)}."
    day, title = _last_day(terms.period_end), f"Quota {terms.quota_id}: last day"
    yield Upcoming(day, "quota.last_day", quota.account_id, entity, title, says)


def of_regime(regime: Regime, wanted: Wanted) -> Iterator[Upcoming]:
    """Yield when a regime begins, changes, comes back after a suspension and ends."""
    terms, entity = regime.terms, f"regime:{regime.terms.regime_id}"
    name = account_name("regime", terms.regime_id)
    for at, kind, of, does in _turns(regime):
        if not wanted.has_regime(regime, at):
            continue
        reach = f"{terms.origin} to {_destinations(regime.phase(at).destinations)}"
        says = f"{terms.title} ({terms.authority}, {reach}) {does} on {_time(at)}."
        day = at.astimezone(UTC).date()
        yield Upcoming(day, kind, ":".join([name, *of]), entity, f"{terms.title}: {does}", says)


def _turns(regime: Regime) -> Iterator[tuple[datetime, Kind, tuple[str, ...], str]]:
    """Yield at which times a regime does what; a suspension inside another brings nothing back."""
    terms = regime.terms
    if regime.is_in_force(terms.effective_from):
        yield terms.effective_from, "regime.begins", (), "takes effect"
    for phase in terms.phases:
        if regime.is_in_force(phase.effective_from):
            of = account_name(phase.phase_id)
            yield phase.effective_from, "regime.phase", (of,), f"enters phase {phase.phase_id}"
    for since, until in joined(regime.suspensions):
        of = since.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        if regime.is_in_force(since - _MOMENT):
            yield since, "regime.pauses", (of,), "is suspended"
        if until is not None and regime.is_in_force(until):
            yield until, "regime.returns", (of,), "applies again, its suspension ends"
    for until in {terms.effective_until, regime.ended_at}:
        if until is not None and regime.is_in_force(until - _MOMENT):
            yield until, "regime.ends", (), "ends"


def joined(spans: Sequence[tuple[datetime, datetime | None]]) -> list[tuple[datetime, datetime | None]]:
    """Return spans with those that touch made one: a suspension that is prolonged stays the same one."""
    found: list[tuple[datetime, datetime | None]] = []
    for since, until in sorted(spans, key=lambda span: span[0]):
        last = found[-1] if found else None
        if last is not None and (last[1] is None or since <= last[1]):
            ends = None if last[1] is None or until is None else max(last[1], until)
            found[-1] = last[0], ends
        else:
            found.append((since, until))
    return found


def of_outlook(told: Outlook) -> Upcoming | None:
    """Return on which day an account runs out, at the median; None where it is not expected to, or no one can tell."""
    span, account = told.found.runs_out, told.account
    if span is None or span.median is None:
        return None
    kind, owner, *_ = account_parts(account.account_id)
    name = account_words(account.account_id)
    says = (
        f"At the present rate what is left of {name} is used up about {_day(span.median)};"
        f" {STATED * 100:.0f} times in 100 {_range(span)}"
        f" (in a backtest {BACKTESTED * 100:.0f} in 100; fewer where a new law breaks the rate)."
    )
    title = f"{name[:1].upper()}{name[1:]}: runs out, at the present rate"
    day = span.median.astimezone(UTC).date()
    return Upcoming(day, "forecast.runs_out", account.account_id, f"{kind}:{owner}", title, says)


class Cut(NamedTuple):
    """The entries in the order of their days, and the first day of which not all are there; None: all are."""

    entries: list[Upcoming]
    day: date | None


def cut(entries: Sequence[Upcoming], first: date, end: date, most: int) -> Cut:
    """Return what comes from a day on and before another, at most so many: whole days, unless one alone is more."""
    found = sorted((e for e in entries if first <= e.day < end), key=lambda e: (e.day, e.kind, e.of))
    if len(found) <= most:
        return Cut(found, None)
    day = found[most].day
    whole = [entry for entry in found if entry.day < day]
    return Cut(whole or found[:most], day)


def _last_day(until: datetime) -> date:
    return (until.astimezone(UTC) - _MOMENT).date()


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _range(span: Span) -> str:
    if span.since is None or span.until is None:
        return f"not before {_day(span.since or span.median)}, and perhaps not before its time ends"
    return f"between {_day(span.since)} and {_day(span.until)}"


def _day(at: datetime | None) -> str:
    return at.astimezone(UTC).date().isoformat() if at else ""


def _destinations(destinations: Destinations) -> str:
    if destinations.include:
        return _countries(tuple(c for c in destinations.include if c not in destinations.exclude))
    return f"all but {_countries(destinations.exclude)}" if destinations.exclude else "all countries"


def _countries(countries: Sequence[str]) -> str:
    return ", ".join(countries) if len(countries) <= MOST_NAMED else f"{len(countries)} countries"
