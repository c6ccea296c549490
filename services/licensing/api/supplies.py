"""The routes of supplies: a buyer registers stock, use and lead time, and asks how long it lasts."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.licensing.api.asking import Cursor, Name, engine_of, json_answer, make_router, page_of
from services.licensing.api.supply_answers import SupplyAnswer, SupplyPage, SupplyTerms, supply_answer
from services.licensing.api.uploads import REFUSED, read_file
from services.licensing.domain import outlook, supplies
from services.licensing.domain.ledger import account_name, account_words
from services.licensing.domain.licences import Licence
from services.licensing.domain.policy import Policy
from services.licensing.domain.supplies import Closing, Supply
from services.licensing.store import drawing
from services.licensing.store import supplies as store
from services.licensing.store.supplies import Registered
from services.licensing.store.upcoming import quotas
from shared.database import transaction
from shared.errors import CallerError, FieldError
from shared.faults import REFUSALS, refused

Few = Annotated[int, Query(ge=1, le=100)]
"""Each takes a forecast of all that keeps its lane open."""
MAX_BYTES = 64 * 1024
BODY_TIMEOUT_S = 10.0
_USABLE = frozenset({"issued", "active"})
_BODY = {"required": True, "content": {"application/json": {"schema": SupplyTerms.model_json_schema()}}}

router = make_router()


@router.put(
    "/supplies/{supply_id:id}",
    tags=["supplies"],
    responses={200: {"model": SupplyAnswer}, 201: {"model": SupplyAnswer, "description": "It is new"}, **REFUSED},
    openapi_extra={"requestBody": _BODY},
)
async def put_supply(request: Request, supply_id: Name) -> Response:
    """Register a buyer's stock of some goods, its daily use and lead time, or change them; answers as GET does."""
    policy: Policy = request.app.state.policy
    supply = _read(await read_file(request, ("application/json",), MAX_BYTES, BODY_TIMEOUT_S), policy)
    async with transaction(engine_of(request)) as c:
        is_new = await store.put(c, supply_id, supply)
        found = await _found(c, supply_id)
        answer = await _answer(c, policy, found, await drawing.now_of(c))
    response = json_answer(answer)
    response.status_code = 201 if is_new else 200
    return response


@router.get("/supplies/{supply_id:id}", tags=["supplies"], responses={200: {"model": SupplyAnswer}})
async def get_supply(request: Request, supply_id: Name) -> Response:
    """Tell how long a buyer's stock lasts, by when to order, and whether its lane stays open until then."""
    async with transaction(engine_of(request)) as c:
        found = await _found(c, supply_id)
        return json_answer(await _answer(c, request.app.state.policy, found, await drawing.now_of(c)))


@router.get("/supplies", tags=["supplies"], responses={200: {"model": SupplyPage}})
async def list_supplies(request: Request, limit: Few = 20, cursor: Cursor = "") -> Response:
    """List the registered supplies with what each of them comes to."""
    async with transaction(engine_of(request)) as c:
        now = await drawing.now_of(c)
        rows = await store.supplies(c, limit, cursor)
        return json_answer(
            page_of([await _answer(c, request.app.state.policy, row, now) for row in rows], limit, "supply_id")
        )


@router.delete("/supplies/{supply_id:id}", tags=["supplies"], status_code=204)
async def delete_supply(request: Request, supply_id: Name) -> Response:
    """Forget a supply."""
    async with transaction(engine_of(request)) as c:
        if not await store.remove(c, supply_id):
            raise CallerError(404, "There is no such supply")
    return Response(status_code=204)


def _read(body: bytes, policy: Policy) -> Supply:
    """Return a supply. Raises CallerError naming every field at fault."""
    try:
        supply = msgspec.json.decode(body, type=Supply)
    except REFUSALS as error:
        faults = refused(body, Supply, error).faults
        raise CallerError(422, "The supply is not valid", errors=faults) from error
    groups = [group.id for group in policy.commodity_groups]
    if supply.commodity_group not in groups:
        detail = f"{supply.commodity_group} is no commodity group of the policy: {', '.join(groups)}"
        raise CallerError(422, "The supply is not valid", errors=(FieldError("/commodity_group", detail),))
    return supply


async def _found(c: AsyncConnection, supply_id: str) -> Registered:
    found = await store.supply(c, supply_id)
    if found is None:
        raise CallerError(404, "There is no such supply")
    return found


async def _answer(c: AsyncConnection, policy: Policy, found: Registered, now: datetime) -> dict[str, Any]:
    supply, lane = found.supply, await store.lane(c, found.supply.lane_id)
    of_licences, stray = await _of_licences(c, supply, now)
    # The lane stays open as long as one of the licences is, and no longer than the first quota.
    closings = [*sorted(of_licences, key=lambda each: each.at)[-1:], *await _of_quotas(c, policy, supply, now)]
    position = supplies.position(supply, lane["state"] if lane else None, closings, now)
    every = [*of_licences, *closings[len(of_licences[:1]) :]]
    return supply_answer(found, now, lane, position, every, stray)


async def _of_licences(c: AsyncConnection, supply: Supply, now: datetime) -> tuple[list[Closing], list[str]]:
    """Return when each of the buyer's licences closes, and those that do not open his lane."""
    found, stray = [], []
    for licence_id in supply.licences:
        licence = await drawing.licence(c, licence_id)
        lines = _lines(licence, supply.lane_id) if licence else []
        if licence is None or licence.terms is None or not lines:
            stray.append(licence_id)
            continue
        if licence.state not in _USABLE:
            found.append(Closing(f"licence {licence_id} ({licence.state})", now, "shut"))
            continue
        accounts = await drawing.accounts(c, account_name("licence", licence_id), now)
        told = {each.account.account_id: each.found for each in outlook.of_licence(licence, accounts, now)}
        of_lines = [told[name] for line_no in lines if (name := licence.account_of(line_no)) in told]
        found.append(supplies.closing(f"licence {licence_id}", licence.terms.valid_until, of_lines, now))
    return found, stray


def _lines(licence: Licence, lane_id: str) -> list[int]:
    return [line_no for line_no, lanes in licence.opens.items() if lane_id in lanes]


async def _of_quotas(c: AsyncConnection, policy: Policy, supply: Supply, now: datetime) -> list[Closing]:
    """Return when each account of a quota that governs the lane closes it."""
    group, found = policy.group(supply.commodity_group).covers, []
    for quota in await quotas(c):
        if not quota.in_period(now) or not quota.governs_lane(group, supply.origin, supply.destination):
            continue
        accounts = await drawing.accounts(c, quota.account_id, now)
        governing = quota.governing(group)
        for each in outlook.of_quota(quota, accounts, now):
            if each.account.account_id in governing:
                what = account_words(each.account.account_id)
                found.append(supplies.closing(what, each.ends, [each.found], now))
    return found
