"""The routes that tell when a licence or a quota runs out at the present rate."""

from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import Response

from services.licensing.api.asking import Name, engine_of, json_answer, make_router
from services.licensing.api.forecast_answers import COVERAGE, LicenceForecast, QuotaForecast, account_answer
from services.licensing.domain import outlook
from services.licensing.domain.forecasting import Past, forecast
from services.licensing.domain.ledger import account_name
from services.licensing.domain.past import past_of
from services.licensing.domain.quotas import Quota
from services.licensing.store import drawing
from shared.database import transaction
from shared.errors import CallerError

router = make_router()

_OVER = frozenset({"expired", "surrendered", "revoked"})


@router.get("/licences/{licence_id:id}/forecast", tags=["licences"], responses={200: {"model": LicenceForecast}})
async def licence_forecast(request: Request, licence_id: Name) -> Response:
    """Tell when each account of a licence runs out at the present rate, with a range, or why that cannot be told."""
    async with transaction(engine_of(request)) as c:
        now = await drawing.now_of(c)
        licence = await drawing.licence(c, licence_id)
        books = await drawing.books(c, account_name("licence", licence_id), now)
    if licence is None:
        raise CallerError(404, "There is no such licence")
    accounts = [_of_licence(licence, book, now) for book in books]
    head = {"licence_id": licence_id, "state": licence.state, "as_of": now, "coverage": COVERAGE}
    return json_answer({**head, "accounts": accounts})


def _of_licence(licence: drawing.Licence, book: drawing.Book, now: datetime) -> dict[str, Any]:
    since = max(book.since, licence.valid_from or book.since)
    ends = now if licence.state in _OVER else licence.valid_until or now
    past = past_of(book.drawn, book.empty, since, now)
    return account_answer(book, past, licence.valid_until or now, (), forecast(past, book.left, now, ends))


@router.get("/quotas/{quota_id:id}/forecast", tags=["quotas"], responses={200: {"model": QuotaForecast}})
async def quota_forecast(request: Request, quota_id: Name) -> Response:
    """Tell when each account of a quota runs out at the present rate, the tranches that are known to come included."""
    async with transaction(engine_of(request)) as c:
        now = await drawing.now_of(c)
        quota = await drawing.quota(c, quota_id)
        books = await drawing.books(c, account_name("quota", quota_id), now)
    if quota is None:
        raise CallerError(404, "There is no such quota")
    accounts = _of_quota(quota, books, now)
    head = {"quota_id": quota_id, "state": quota.status(now), "as_of": now, "coverage": COVERAGE}
    return json_answer({**head, "accounts": accounts})


def _of_quota(quota: Quota, books: list[drawing.Book], now: datetime) -> list[dict[str, Any]]:
    coming = outlook.coming(quota)
    pasts = {book.account_id: _past(quota, book, now) for book in books}
    told = []
    for book in books:
        # A month is too short to tell a rate of its own; all that draws on it draws on the whole.
        of = quota.account_id if outlook.is_month(book.account_id) else book.account_id
        past, more = pasts.get(of, Past((), 0)), coming.get(book.account_id, [])
        ends = outlook.end_of(quota, book.account_id, now)
        told.append(account_answer(book, past, ends, more, forecast(past, book.left, now, ends, more)))
    return told


def _past(quota: Quota, book: drawing.Book, now: datetime) -> Past:
    return past_of(book.drawn, book.empty, max(book.since, quota.terms.period_start), now)
