"""The route of the calendar: what is coming for the goods, countries and exporter that are asked for."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from fastapi import Query, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.licensing.api.asking import Text, engine_of, make_router
from services.licensing.api.calendar_feed import MEDIA_TYPE, Dated, render
from services.licensing.domain import outlook, upcoming
from services.licensing.domain.ledger import account_name
from services.licensing.domain.licences import Licence
from services.licensing.domain.policy import Policy
from services.licensing.domain.quotas import Quota
from services.licensing.domain.upcoming import Upcoming, Wanted
from services.licensing.store import drawing
from services.licensing.store import upcoming as reading
from services.licensing.store.upcoming import MOST_LICENCES, Revision
from shared.database import transaction
from shared.errors import CallerError, FieldError

router = make_router()

MOST_ENTRIES = 1000
MOST_FORECASTS = 100
"""Of so many licences and quotas together; each takes some statements."""
_AT_ONCE = asyncio.Semaphore(2)
"""A calendar asks more of the database than other answers do."""
_HOUR = timedelta(hours=1)
Country = Annotated[str | None, Query(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Day = Annotated[
    date | None, Query(alias="from", le=date(9000, 1, 1), description="By default today, by the log's clock")
]
Days = Annotated[int, Query(ge=1, le=3660, description="How far the calendar looks ahead")]


@dataclass(slots=True)
class Page:
    """The days that a calendar is of, what is coming in them, and what it rests on."""

    first: date
    end: date
    now: datetime
    """The log's clock at the full hour, so that a calendar stays the same for as long."""
    entries: list[Upcoming] = field(default_factory=list)
    revisions: dict[str, Revision] = field(default_factory=dict)
    """Of things, by the name that their events have."""
    latest: dict[str, Revision] = field(default_factory=dict)
    """Of accounts: their latest entries."""
    whole_until: date | None = None
    """The first day of which something may be missing; None: the page is whole."""
    has_all_forecasts: bool = True


@router.get(
    "/calendar.ics",
    tags=["calendar"],
    response_class=Response,
    responses={
        200: {
            "description": "An iCalendar object (RFC 5545)",
            "content": {"text/calendar": {"schema": {"type": "string"}}},
        },
        304: {"description": "It is as the ETag of If-None-Match says"},
    },
)
async def calendar(
    request: Request,
    commodity_group: Text = None,
    origin: Country = None,
    destination: Country = None,
    exporter: Text = None,
    first: Day = None,
    days: Days = 365,
) -> Response:
    """Give what is coming as a calendar to subscribe to: last days, tranches, what regimes do, and what runs out."""
    wanted = _wanted(request.app.state.policy, commodity_group, origin, destination, exporter)
    async with _AT_ONCE:
        async with transaction(engine_of(request)) as c:
            page = await _read(c, wanted, first, days)
        body = await asyncio.to_thread(_rendered, page)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, max-age=300", "x-content-type-options": "nosniff"}
    if _is_known(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=MEDIA_TYPE, headers=headers)


def _wanted(
    policy: Policy, group_id: str | None, origin: str | None, destination: str | None, exporter: str | None
) -> Wanted:
    if group_id is None:
        return Wanted(None, origin, destination, exporter)
    try:
        return Wanted(policy.group(group_id).covers, origin, destination, exporter)
    except KeyError as error:
        known = ", ".join(group.id for group in policy.commodity_groups)
        fault = FieldError("/query/commodity_group", f"the policy has no such group; it has {known}")
        raise CallerError(422, "The request is not valid", errors=(fault,)) from error


def _is_known(asked: str, tag: str) -> bool:
    """Return whether If-None-Match names the tag, by the weak comparison (RFC 9110, section 13.1.2)."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in asked.split(","))


async def _read(c: AsyncConnection, wanted: Wanted, first: date | None, days: int) -> Page:
    # One moment for all statements: a revision read later than what it counts would belong to something else.
    await c.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    now = (await drawing.now_of(c)).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    start = first or now.date()
    page = Page(start, start + timedelta(days=days), now)
    quotas = [quota for quota in await reading.quotas(c) if wanted.has_quota(quota)]
    found = [entry for quota in quotas for entry in upcoming.of_quota(quota, now)]
    found += [entry for regime in await reading.regimes(c) for entry in upcoming.of_regime(regime, wanted)]
    found += await _last_days(c, wanted, page)
    found += await _forecasts(c, wanted, quotas, page)
    # Were the cut on the first day, a page from there on would be empty, and the one after it the same.
    end = max(page.whole_until, page.first + timedelta(days=1)) if page.whole_until else page.end
    page.entries, cut_at = upcoming.cut(found, page.first, end, MOST_ENTRIES)
    page.whole_until = cut_at or page.whole_until
    page.revisions = await reading.revisions(c, {entry.entity for entry in page.entries})
    return page


async def _last_days(c: AsyncConnection, wanted: Wanted, page: Page) -> list[Upcoming]:
    licences = await reading.ending(c, _midnight(page.first), _midnight(page.end), wanted.exporter)
    if len(licences) == MOST_LICENCES:
        *_, last = upcoming.of_licence(licences[-1])
        page.whole_until = last.day
    return [
        entry
        for licence in licences
        if licence.terms and wanted.has_licence(licence.terms)
        for entry in upcoming.of_licence(licence)
    ]


async def _forecasts(c: AsyncConnection, wanted: Wanted, quotas: Sequence[Quota], page: Page) -> list[Upcoming]:
    drawn_on = await reading.drawn_on(c, wanted.exporter)
    licences = [licence for licence in drawn_on if licence.terms and wanted.has_licence(licence.terms)]
    everything: list[Quota | Licence] = [*quotas, *licences]
    page.has_all_forecasts = len(everything) <= MOST_FORECASTS
    told = [one for thing in everything[:MOST_FORECASTS] for one in await _outlook(c, thing, page.now)]
    found = [upcoming.of_outlook(one) for one in told if wanted.has_account(one.account.account_id)]
    entries = [entry for entry in found if entry is not None]
    page.latest = await reading.latest_entries(c, {entry.of for entry in entries})
    return entries


async def _outlook(c: AsyncConnection, of: Quota | Licence, now: datetime) -> list[outlook.Outlook]:
    if isinstance(of, Quota):
        return outlook.of_quota(of, await drawing.accounts(c, of.account_id, now), now)
    accounts = await drawing.accounts(c, account_name("licence", of.licence_id), now)
    return outlook.of_licence(of, accounts, now)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _rendered(page: Page) -> bytes:
    return render((_dated(entry, page) for entry in page.entries), _says(page))


def _dated(entry: Upcoming, page: Page) -> Dated:
    """Return an entry with its revision. A forecast changes with its account's entries and with the hours."""
    if entry.kind != "forecast.runs_out":
        number, at = page.revisions[entry.entity]
        return Dated(entry, number - 1, at)
    number, at = page.latest[entry.of]
    return Dated(entry, number + int(page.now.timestamp()) // int(_HOUR.total_seconds()), max(at, page.now))


def _says(page: Page) -> str:
    says = f"What is coming until {(page.end - timedelta(days=1)).isoformat()}; days are of UTC."
    if page.whole_until is not None:
        says += (
            f" It is cut: from {page.whole_until.isoformat()} on entries are missing;"
            f" ask with from={page.whole_until.isoformat()}, or for fewer goods or countries."
        )
    if not page.has_all_forecasts:
        says += f" Forecasts are of the quotas and of the licences with the least share left, {MOST_FORECASTS} in all."
    return says
