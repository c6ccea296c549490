"""The routes that list things: lanes, licences, batches, quotas, regimes, dead letters; and those of the whole."""

from dataclasses import astuple, dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from services.licensing.api import answers, imports, list_answers
from services.licensing.api.asking import Cursor, Limit, Name, Text, engine_of, found, json_answer, make_router, page_of
from services.licensing.store import audits, prices, reads, sources
from shared.database import transaction

router = make_router()


@dataclass(frozen=True)
class LanesWanted:
    """Which lanes: of all exporters, or of the one that is named."""

    commodity_group: Text = None
    origin: Text = None
    destination: Text = None
    state: Text = None
    exporter: Text = None


@router.get("/lanes", tags=["lanes"], responses={200: {"model": list_answers.LanePage}})
async def lanes(
    request: Request, wanted: Annotated[LanesWanted, Depends()], limit: Limit = 100, cursor: Cursor = ""
) -> Response:
    """List lanes with their flow state, since when and why; those of all exporters, or of the one that is named."""
    async with transaction(engine_of(request)) as c:
        rows = await reads.lanes(c, astuple(wanted), limit, cursor)
    return json_answer(page_of(rows, limit, "lane_id"))


@router.get("/licences", tags=["licences"], responses={200: {"model": list_answers.LicencePage}})
async def licences(
    request: Request,
    exporter: Text = None,
    state: Text = None,
    batch_id: Text = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """List licences with the balance of each line."""
    async with transaction(engine_of(request)) as c:
        rows = await reads.licences(c, (exporter, state, batch_id), limit, cursor)
    return json_answer(page_of(rows, limit, "licence_id"))


@router.get("/batches", tags=["licences"], responses={200: {"model": list_answers.BatchPage}})
async def batches(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """List batches of licences, with what came of each."""
    async with transaction(engine_of(request)) as c:
        return json_answer(page_of(await reads.batches(c, limit, cursor), limit, "batch_id"))


@router.get("/batches/{batch_id:id}", tags=["licences"], responses={200: {"model": answers.Batch}})
async def batch(request: Request, batch_id: Name) -> Response:
    """Show one batch of licences; its licences are at `/v1/licences?batch_id=`."""
    async with transaction(engine_of(request)) as c:
        return json_answer(found(await reads.batch(c, batch_id), "batch"))


@router.get("/quotas", tags=["quotas"], responses={200: {"model": list_answers.QuotaPage}})
async def quotas(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """List quotas with their balances."""
    async with transaction(engine_of(request)) as c:
        return json_answer(page_of(await reads.quotas(c, limit, cursor), limit, "quota_id"))


@router.get("/regimes", tags=["regimes"], responses={200: {"model": list_answers.RegimePage}})
async def regimes(request: Request) -> Response:
    """List the regimes with their terms and suspensions."""
    async with transaction(engine_of(request)) as c:
        return json_answer({"items": await reads.regimes(c), "next": None})


@router.get("/positions", tags=["events"])
async def positions(request: Request) -> Response:
    """Tell how far the event topic was read: by partition the offset of the next event.

    An event whose receipt names a partition and a lower offset has been dealt with.
    """
    async with transaction(engine_of(request)) as c:
        return json_answer(await reads.positions(c, request.app.state.settings.topic_events))


@router.get("/dead-letters", tags=["events"], responses={200: {"model": list_answers.DeadLetterPage}})
async def dead_letters(
    request: Request, limit: Limit = 100, cursor: Annotated[str, Query(pattern=r"^([0-9]{1,9}:[0-9]{1,18})?$")] = ""
) -> Response:
    """List the events that could not be used, with the reason."""
    async with transaction(engine_of(request)) as c:
        return json_answer(page_of(await reads.dead_letters(c, limit, cursor), limit, "place"))


@router.get("/sources", tags=["events"], responses={200: {"model": list_answers.SourcePage}})
async def list_sources(request: Request) -> Response:
    """List the sources of events as of the last tick, those that have gone silent first."""
    async with transaction(engine_of(request)) as c:
        return json_answer({"items": await sources.listed(c), "next": None})


@router.get("/prices", tags=["events"], responses={200: {"model": list_answers.PricePage}})
async def list_prices(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Response:
    """List the price series with their latest price, how much they swing now and usually, and since when."""
    async with transaction(engine_of(request)) as c:
        return json_answer(page_of(await prices.listed(c, limit, cursor), limit, "price_id"))


@router.get("/policy", tags=["policy"])
async def policy(request: Request) -> Response:
    """Show the policy in force."""
    return json_answer(request.app.state.policy)


@router.get("/audit", tags=["audit"])
async def audit(request: Request) -> Response:
    """Count events by what became of them, and check every balance against its ledger entries."""
    async with transaction(engine_of(request)) as c:
        return json_answer(await audits.audit(c, request.app.state.settings.topic_events))


router.include_router(imports.router)
