"""The routes: lanes, licences, quotas, regimes, shipments, events, dead letters, audit."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.licensing.api import answers, imports
from services.licensing.domain.ledger import account_name
from services.licensing.store import audits, reads
from shared.database import transaction
from shared.errors import CallerError

_PROBLEM = {"content": {"application/problem+json": {"schema": answers.Problem.model_json_schema()}}}
router = APIRouter(
    prefix="/v1",
    responses={
        404: {"description": "There is no such thing", **_PROBLEM},
        422: {"description": "A parameter is not valid", **_PROBLEM},
        503: {"description": "The database is away; try again", **_PROBLEM},
    },
)

Limit = Annotated[int, Query(ge=1, le=1000)]
NO_NUL = r"^[^\x00]*$"
Text = Annotated[str | None, Query(max_length=256, pattern=NO_NUL)]
Name = Annotated[str, Path(min_length=1, max_length=256, pattern=NO_NUL)]
Cursor = Annotated[str, Query(max_length=256, pattern=NO_NUL, description="`next` of the page before")]
Number = Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before")]


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _page(items: Sequence[dict[str, Any]], limit: int, key: str) -> Response:
    last = str(items[-1][key]) if len(items) == limit else None
    return _json({"items": items, "next": last})


def _found(value: dict[str, Any] | None, what: str) -> Response:
    if value is None:
        raise CallerError(404, f"There is no such {what}")
    return _json(value)


def _engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


@router.get("/lanes", tags=["lanes"], responses={200: {"model": answers.LanePage}})
async def lanes(
    request: Request,
    commodity_group: Text = None,
    origin: Text = None,
    destination: Text = None,
    state: Text = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """List lanes with their flow state, since when and why."""
    async with transaction(_engine(request)) as c:
        found = await reads.lanes(c, (commodity_group, origin, destination, state), limit, cursor)
    return _page(found, limit, "lane_id")


@router.get("/lanes/{lane_id:path}", tags=["lanes"], responses={200: {"model": answers.LaneWithChanges}})
async def lane(request: Request, lane_id: Name) -> Response:
    """Show one lane with all changes of its flow state and their evidence."""
    async with transaction(_engine(request)) as c:
        return _found(await reads.lane(c, lane_id), "lane")


@router.get("/licences", tags=["licences"], responses={200: {"model": answers.LicencePage}})
async def licences(
    request: Request,
    exporter: Text = None,
    state: Text = None,
    batch_id: Text = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """List licences with the balance of each line."""
    async with transaction(_engine(request)) as c:
        found = await reads.licences(c, (exporter, state, batch_id), limit, cursor)
    return _page(found, limit, "licence_id")


@router.get("/licences/{licence_id:path}/ledger", tags=["licences"], responses={200: {"model": answers.EntryPage}})
async def licence_ledger(
    request: Request,
    licence_id: Name,
    part: Annotated[str, Query(max_length=32, pattern=r"^([0-9]{1,4}(:value)?|uses)$")] = "1",
    limit: Limit = 100,
    cursor: Number = 0,
) -> Response:
    """List the ledger entries of a line of a licence (`1`), of its value (`1:value`) or of its `uses`, oldest first."""
    account_id = account_name("licence", licence_id, *part.split(":"))
    async with transaction(_engine(request)) as c:
        return _page(await reads.ledger(c, account_id, limit, cursor), limit, "number")


@router.get("/licences/{licence_id:path}", tags=["licences"], responses={200: {"model": answers.Licence}})
async def licence(request: Request, licence_id: Name) -> Response:
    """Show one licence with its terms and the balance of each line."""
    async with transaction(_engine(request)) as c:
        return _found(await reads.licence(c, licence_id), "licence")


@router.get("/batches", tags=["licences"], responses={200: {"model": answers.BatchPage}})
async def batches(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """List batches of licences, with what came of each."""
    async with transaction(_engine(request)) as c:
        return _page(await reads.batches(c, limit, cursor), limit, "batch_id")


@router.get("/batches/{batch_id:path}", tags=["licences"], responses={200: {"model": answers.Batch}})
async def batch(request: Request, batch_id: Name) -> Response:
    """Show one batch of licences; its licences are at `/v1/licences?batch_id=`."""
    async with transaction(_engine(request)) as c:
        return _found(await reads.batch(c, batch_id), "batch")


@router.get("/quotas", tags=["quotas"], responses={200: {"model": answers.QuotaPage}})
async def quotas(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """List quotas with their balances."""
    async with transaction(_engine(request)) as c:
        return _page(await reads.quotas(c, limit, cursor), limit, "quota_id")


@router.get("/quotas/{quota_id:path}/ledger", tags=["quotas"], responses={200: {"model": answers.EntryPage}})
async def quota_ledger(
    request: Request,
    quota_id: Name,
    part: Annotated[str, Query(max_length=300, pattern=NO_NUL)] = "",
    limit: Limit = 100,
    cursor: Number = 0,
) -> Response:
    """List the ledger entries of a quota or of a part of it (`sub:heavy`, `exporter:X`, `open`, `month:2025-05`)."""
    kind, _, name = part.partition(":")
    account_id = account_name("quota", quota_id, *(p for p in (kind, name) if p))
    async with transaction(_engine(request)) as c:
        return _page(await reads.ledger(c, account_id, limit, cursor), limit, "number")


@router.get("/quotas/{quota_id:path}", tags=["quotas"], responses={200: {"model": answers.Quota}})
async def quota(request: Request, quota_id: Name) -> Response:
    """Show one quota with its balance."""
    async with transaction(_engine(request)) as c:
        return _found(await reads.quota(c, quota_id), "quota")


@router.get("/regimes", tags=["regimes"], responses={200: {"model": answers.RegimePage}})
async def regimes(request: Request) -> Response:
    """List the regimes with their terms and suspensions."""
    async with transaction(_engine(request)) as c:
        return _json({"items": await reads.regimes(c), "next": None})


@router.get("/shipments/{shipment_id:path}", tags=["shipments"], responses={200: {"model": answers.Shipment}})
async def shipment(request: Request, shipment_id: Name) -> Response:
    """Show one shipment with its decisions, their reasons, and its ledger entries."""
    async with transaction(_engine(request)) as c:
        return _found(await reads.shipment(c, shipment_id), "shipment")


@router.get("/events", tags=["events"], responses={200: {"model": answers.EventStatus}})
async def event(
    request: Request,
    source: Annotated[str, Query(max_length=256, pattern=NO_NUL)],
    id: Annotated[str, Query(max_length=256, pattern=NO_NUL)],
) -> Response:
    """Tell what became of an event: decided, parked, dead, or not seen yet (`waiting`)."""
    async with transaction(_engine(request)) as c:
        return _json(await reads.event(c, source, id))


@router.get("/positions", tags=["events"])
async def positions(request: Request) -> Response:
    """Tell how far the event topic was read: by partition the offset of the next event.

    An event whose receipt names a partition and a lower offset has been dealt with.
    """
    async with transaction(_engine(request)) as c:
        return _json(await reads.positions(c, request.app.state.settings.topic_events))


@router.get("/dead-letters", tags=["events"], responses={200: {"model": answers.DeadLetterPage}})
async def dead_letters(
    request: Request, limit: Limit = 100, cursor: Annotated[str, Query(pattern=r"^([0-9]{1,9}:[0-9]{1,18})?$")] = ""
) -> Response:
    """List the events that could not be used, with the reason."""
    async with transaction(_engine(request)) as c:
        return _page(await reads.dead_letters(c, limit, cursor), limit, "place")


@router.get("/policy", tags=["policy"])
async def policy(request: Request) -> Response:
    """Show the policy in force."""
    return _json(request.app.state.policy)


@router.get("/audit", tags=["audit"])
async def audit(request: Request) -> Response:
    """Count events by what became of them, and check every balance against its ledger entries."""
    async with transaction(_engine(request)) as c:
        return _json(await audits.audit(c, request.app.state.settings.topic_events))


router.include_router(imports.router)
