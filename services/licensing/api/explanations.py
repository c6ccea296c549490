"""The routes that explain one thing: a shipment, an event, a licence, a quota, a lane, and what belongs to it.

Each is one resource with two representations, JSON and a page, under one address: what is said of
shipment S-1 is the same whoever asks, so an address can be sent from an ERP to a person and opened
in a browser. `Accept` decides, and caches are told so by `Vary`; who takes anything gets JSON.
`?format=html` and `?format=json` are for links, which cannot set headers.
A page is rendered from the very JSON that is sent otherwise, so the two cannot say different things.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Header, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import HTMLResponse, Response

from services.licensing.api import answers, pages
from services.licensing.api.asking import (
    NO_NUL,
    Limit,
    Name,
    Number,
    engine_of,
    json_answer,
    make_router,
    page_of,
    problem,
)
from services.licensing.api.histories import TERMS_TYPES, told
from services.licensing.api.negotiating import WantsPage
from services.licensing.domain.ledger import account_name
from services.licensing.store import explaining, reads
from shared.database import transaction
from shared.errors import CallerError, FieldError
from shared.identity import caller_of
from shared.preferences import preferences, wait_s

router = make_router()

MAX_PAUSE_S = 0.25
LATEST = 20
"""So many of the latest events, decisions or entries stand in the answer of the thing itself."""
HEADERS = {"vary": "accept", "x-content-type-options": "nosniff"}
_NUMBER = "([0-8]?[0-9]{1,18}|9223372036854775807)"
PLACE = f"^({_NUMBER}:{_NUMBER})?$"
Place = Annotated[str, Query(pattern=PLACE, description="`next` of the page before")]
TimeAndId = Annotated[str, Query(max_length=256, pattern=NO_NUL, description="`next` of the page before")]
Order = Annotated[Literal["oldest", "newest"], Query(description="Which entries come first")]


def _either(model: Any) -> dict[int | str, dict[str, Any]]:
    page = {"text/html": {"schema": {"type": "string"}}}
    missing = problem("There is no such thing; a page that says so, for who wants a page")
    return {200: {"model": model, "content": page}, 404: {**missing, "content": {**missing["content"], **page}}}


async def _answered(request: Request, value: dict[str, Any] | None, template: str, *, is_page: bool) -> Response:
    """Return a page or JSON. Raises CallerError when there is nothing to tell and JSON is wanted."""
    if not is_page:
        if value is None:
            raise CallerError(404, f"There is no such {template}", headers=HEADERS)
        return json_answer(value, HEADERS)
    name, status = (template, 200) if value is not None else ("missing", 404)
    told_as_json = msgspec.json.decode(msgspec.json.encode(value or {"what": template}))
    # In a thread of its own: a long page must not hold up what decides.
    html = await asyncio.to_thread(pages.render, name, told_as_json, dict(request.query_params))
    return HTMLResponse(html, status, {**HEADERS, **pages.HEADERS})


@router.get("/shipments/{shipment_id:id}", tags=["shipments"], responses=_either(answers.Shipment))
async def shipment(request: Request, shipment_id: Name, is_page: WantsPage) -> Response:
    """Show one shipment with its decisions, their reasons, its ledger entries and its events."""
    async with transaction(engine_of(request)) as c:
        found = await explaining.shipment(c, shipment_id)
        if found is not None:
            found["history"] = await _history(c, f"shipment:{shipment_id}")
    return await _answered(request, found, "shipment", is_page=is_page)


@router.get("/events", tags=["events"], responses=_either(answers.EventStatus))
async def event(
    request: Request,
    source: Annotated[str, Query(max_length=256, pattern=NO_NUL)],
    id: Annotated[str, Query(max_length=256, pattern=NO_NUL)],
    is_page: WantsPage,
    prefer: Annotated[str, Header(description="`wait=N`: wait up to N seconds, at most 30, for an outcome")] = "",
) -> Response:
    """Tell what became of an event: decided, parked, dead, or not seen yet (`waiting`), and what it brought about."""
    if not caller_of(request).owns(source):
        raise CallerError(403, "The source is not yours", headers=HEADERS)
    wait = wait_s(preferences([prefer]))
    found = await _outcome(request, source, id, wait)
    answer = await _answered(request, found, "event", is_page=is_page)
    if wait:
        answer.headers["preference-applied"] = f"wait={wait}"
    return answer


async def _outcome(request: Request, source: str, id: str, wait: int) -> dict[str, Any]:
    """Return what is known of the event, as soon as there is an outcome or the time is up.

    Asked again and again, each time in a transaction of its own, so that who waits holds no connection.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    pause = 0.02
    while True:
        async with transaction(engine_of(request)) as c:
            found: dict[str, Any] = await explaining.event(c, source, id)
        if found["status"] != "waiting" or loop.time() + pause > deadline or await request.is_disconnected():
            return found
        await asyncio.sleep(pause)
        pause = min(MAX_PAUSE_S, pause * 1.5)


@router.get("/licences/{licence_id:id}/ledger", tags=["licences"], responses=_either(answers.EntryPage))
async def licence_ledger(
    request: Request,
    licence_id: Name,
    is_page: WantsPage,
    part: Annotated[str, Query(max_length=32, pattern=r"^([0-9]{1,4}(:value)?|uses)$")] = "1",
    order: Order = "oldest",
    limit: Limit = 100,
    cursor: Number = 0,
) -> Response:
    """List the ledger entries of a line of a licence (`1`), of its value (`1:value`) or of its `uses`."""
    account_id = account_name("licence", licence_id, *part.split(":"))
    async with transaction(engine_of(request)) as c:
        found = await _ledger(c, account_id, limit, cursor, order)
        if not found["items"] and await reads.licence(c, licence_id) is None:
            return await _answered(request, None, "licence", is_page=is_page)
    return await _answered(request, found, "ledger", is_page=is_page)


@router.get("/licences/{licence_id:id}/decisions", tags=["licences"], responses=_either(answers.DecisionPage))
async def licence_decisions(
    request: Request, licence_id: Name, is_page: WantsPage, limit: Limit = 100, cursor: TimeAndId = ""
) -> Response:
    """List the decisions on shipments that named a licence, whatever the outcome, the latest first."""
    async with transaction(engine_of(request)) as c:
        found = await _decisions(c, licence_id, limit, cursor)
    return await _answered(request, found, "decisions", is_page=is_page)


@router.get("/licences/{licence_id:id}", tags=["licences"], responses=_either(answers.LicenceExplained))
async def licence(request: Request, licence_id: Name, is_page: WantsPage) -> Response:
    """Show one licence with its terms and balances, the latest decisions on it and the latest events of its life."""
    async with transaction(engine_of(request)) as c:
        found = await reads.licence(c, licence_id)
        if found is not None:
            found["decisions"] = await _decisions(c, licence_id)
            found["history"] = await _history(c, f"licence:{licence_id}")
    return await _answered(request, found, "licence", is_page=is_page)


@router.get("/quotas/{quota_id:id}/ledger", tags=["quotas"], responses=_either(answers.EntryPage))
async def quota_ledger(
    request: Request,
    quota_id: Name,
    is_page: WantsPage,
    part: Annotated[str, Query(max_length=300, pattern=NO_NUL)] = "",
    order: Order = "oldest",
    limit: Limit = 100,
    cursor: Number = 0,
) -> Response:
    """List the ledger entries of a quota or of a part of it (`sub:heavy`, `exporter:X`, `open`, `month:2025-05`)."""
    kind, _, name = part.partition(":")
    account_id = account_name("quota", quota_id, *(p for p in (kind, name) if p))
    async with transaction(engine_of(request)) as c:
        found = await _ledger(c, account_id, limit, cursor, order)
        if not found["items"] and await reads.quota(c, quota_id) is None:
            return await _answered(request, None, "quota", is_page=is_page)
    return await _answered(request, found, "ledger", is_page=is_page)


@router.get("/quotas/{quota_id:id}", tags=["quotas"], responses=_either(answers.QuotaExplained))
async def quota(request: Request, quota_id: Name, is_page: WantsPage) -> Response:
    """Show one quota with its balances, its latest ledger entries and the latest events of its life."""
    async with transaction(engine_of(request)) as c:
        found = await reads.quota(c, quota_id)
        if found is not None:
            found["ledger"] = await _ledger(c, account_name("quota", quota_id), LATEST, 0, "newest")
            found["history"] = await _history(c, f"quota:{quota_id}")
    return await _answered(request, found, "quota", is_page=is_page)


@router.get("/lanes/{lane_id:id}", tags=["lanes"], responses=_either(answers.LaneWithChanges))
async def lane(request: Request, lane_id: Name, is_page: WantsPage) -> Response:
    """Show one lane with all changes of its flow state and their evidence."""
    async with transaction(engine_of(request)) as c:
        found = await reads.lane(c, lane_id)
    return await _answered(request, found, "lane", is_page=is_page)


@router.get("/histories/{entity:id}", tags=["events"], responses=_either(answers.History))
async def history(
    request: Request, entity: Name, is_page: WantsPage, limit: Limit = 100, cursor: Place = ""
) -> Response:
    """List the events of a thing (`licence:L-7`), the one that was applied last first, with what they changed."""
    async with transaction(engine_of(request)) as c:
        found = await _history(c, entity, limit, cursor)
    return await _answered(request, found, "history", is_page=is_page)


async def _history(c: AsyncConnection, entity: str, limit: int = LATEST, cursor: str = "") -> dict[str, Any]:
    events = await explaining.history(c, entity, limit, cursor)
    before = await explaining.terms_before(c, entity, events[-1]["place"], TERMS_TYPES) if events else None
    return {**page_of(events, limit, "place"), "items": told(events, before)}


async def _decisions(c: AsyncConnection, licence_id: str, limit: int = LATEST, cursor: str = "") -> dict[str, Any]:
    rows = await explaining.decisions_on(c, licence_id, limit, _time_and_id(cursor))
    last = f"{rows[-1]['at'].isoformat()} {rows[-1]['decision_id']}" if len(rows) == limit else None
    return {"items": rows, "next": last}


def _time_and_id(cursor: str) -> tuple[datetime, str] | None:
    if not cursor:
        return None
    time, _, decision_id = cursor.partition(" ")
    try:
        return datetime.fromisoformat(time).astimezone(UTC), decision_id
    except (ValueError, OverflowError) as error:
        fault = FieldError("/query/cursor", "must be `next` of a page")
        raise CallerError(422, "The request is not valid", errors=(fault,)) from error


async def _ledger(c: AsyncConnection, account_id: str, limit: int, cursor: int, order: str) -> dict[str, Any]:
    rows = await reads.ledger(c, account_id, limit, cursor, is_newest_first=order == "newest")
    return page_of(rows, limit, "number")
