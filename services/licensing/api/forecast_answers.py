"""What forecasts answer: the shapes for the OpenAPI document, and the making of them."""

from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from services.licensing.api.answers import Answer, LicenceStateName
from services.licensing.domain.forecasting import BACKTESTED, SAYS, STATED, Rest, Span, State
from services.licensing.domain.ledger import MASS, PIECE
from services.licensing.domain.outlook import Outlook
from services.licensing.domain.quotas import QuotaStatus


class Coverage(Answer):
    """How often the range is meant to hold what comes, and how often it did in the backtest."""

    stated: float
    backtested: float


class Basis(Answer):
    """What the forecast rests on: the days on which something could be drawn, the draws, and what they are a day."""

    days: int
    draws: int
    a_day: str | None
    """In the account's unit; null where there is too little to tell."""


class RunsOut(Answer):
    """When it runs out: once in ten times before `from`, once after `until`, to the hour; null: not before it ends."""

    median: datetime | None
    since: datetime | None = Field(alias="from")
    until: datetime | None


class LeftAtEnd(Answer):
    """What stays unused at the end, in the account's unit; once in ten times below `least`, and once above `most`."""

    median: str
    least: str
    most: str


class Coming(Answer):
    """What a tranche that is known will grant."""

    opens_at: datetime
    amount: str


class AccountForecast(Answer):
    """When an account runs out at the present rate; `says` tells it, or why nothing can be said."""

    account: str
    unit: str
    left: str
    ends_at: datetime
    coming: list[Coming]
    state: State
    says: str
    rests_on: Basis
    runs_out: RunsOut | None
    left_at_end: LeftAtEnd | None


class LicenceForecast(Answer):
    """The forecasts of a licence's accounts; those of a licence that is awaited are none."""

    licence_id: str
    state: LicenceStateName
    as_of: datetime
    coverage: Coverage
    accounts: list[AccountForecast]


class QuotaForecast(Answer):
    """The forecasts of a quota's accounts: the whole, its sub-limits, allocations and months."""

    quota_id: str
    state: QuotaStatus
    as_of: datetime
    coverage: Coverage
    accounts: list[AccountForecast]


COVERAGE = {"stated": STATED, "backtested": BACKTESTED}


def account_answer(told: Outlook) -> dict[str, Any]:
    """Return the answer for one account."""
    (account, past, ends, coming, found), unit = told, told.account.unit
    return {
        "account": account.account_id,
        "unit": "KGM" if unit == MASS else unit,
        "left": _exact(account.left, unit),
        "ends_at": ends,
        "coming": [{"opens_at": opens_at, "amount": _exact(amount, unit)} for opens_at, amount in coming],
        "state": found.state,
        "says": SAYS[found.state],
        "rests_on": {
            "days": len(past.amounts),
            "draws": past.draws,
            "a_day": None if found.a_day is None else _about(found.a_day, unit),
        },
        "runs_out": _runs_out(found.runs_out),
        "left_at_end": _left_at_end(found.rest, unit),
    }


def _runs_out(span: Span | None) -> dict[str, datetime | None] | None:
    if span is None:
        return None
    return {"median": _hour(span.median), "from": _hour(span.since), "until": _hour(span.until)}


def _left_at_end(rest: Rest | None, unit: str) -> dict[str, str] | None:
    if rest is None:
        return None
    return {"median": _about(rest.median, unit), "least": _about(rest.least, unit), "most": _about(rest.most, unit)}


def _hour(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _scale(unit: str) -> int:
    return {MASS: 1_000_000, PIECE: 1}.get(unit, 10_000)


def _exact(amount: int, unit: str) -> str:
    """Return an amount of the ledger as a decimal in its unit."""
    whole, part = divmod(amount, _scale(unit))
    digits = len(str(_scale(unit))) - 1
    return f"{whole}.{part:0{digits}}".rstrip("0") if part else str(whole)


def _about(amount: float, unit: str) -> str:
    """Return an estimate as a decimal in its unit, to three places."""
    return f"{amount / _scale(unit):.3f}".rstrip("0").rstrip(".")
