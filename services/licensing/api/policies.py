"""The routes of monitoring rules: rulebooks are listed, checked and compared, and what they said is told.

They are rolled out by the event `trade.policy.rolled_out`, as everything is that decides.
"""

import asyncio
import base64
import binascii
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query, Request
from msgspec import Meta
from starlette.responses import Response

from services.licensing.api import policy_answers as answers
from services.licensing.api.asking import (
    NO_NUL,
    Cursor,
    Limit,
    Name,
    Text,
    engine_of,
    json_answer,
    make_router,
    problem,
)
from services.licensing.api.policy_answers import RulebookTerms
from services.licensing.api.uploads import REFUSED, read_file
from services.licensing.domain.monitoring.comparing import compare
from services.licensing.domain.monitoring.compiling import RulebookRefused, compile_rulebook
from services.licensing.domain.monitoring.rulebooks import RolledOut, in_force
from services.licensing.domain.monitoring.translated import Compiled
from services.licensing.store import drawing, policies
from services.licensing.store.rulebooks import rulebooks
from shared.database import transaction
from shared.errors import CallerError, FieldError
from shared.events import Rulebook
from shared.faults import REFUSALS, refused

MAX_BYTES = 1024 * 1024
BODY_TIMEOUT_S = 10.0
_ONE_AT_A_TIME = asyncio.Semaphore(1)
"""Compiling takes a processor."""
_BODY = {"required": True, "content": {"application/json": {"schema": RulebookTerms.model_json_schema()}}}
_REFUSED: dict[int | str, dict[str, Any]] = {
    **REFUSED,
    422: problem("The rulebook cannot be rolled out: every fault with its pointer, and in conditions line and column"),
}
_Place = tuple[
    Annotated[datetime, Meta(tz=True)], Annotated[str, Meta(pattern=NO_NUL)], Annotated[str, Meta(pattern=NO_NUL)], bool
]
_PLACE = msgspec.json.Decoder(_Place)
Against = Annotated[str | None, Query(max_length=128, description="A version; by default the one in force")]

router = make_router()


@router.get("/policies", tags=["policies"], responses={200: {"model": answers.RulebookPage}})
async def list_rulebooks(request: Request) -> Response:
    """List the rulebooks that were rolled out, the latest to begin first."""
    known, now = await _known(request)
    ordered = sorted(known.values(), key=lambda each: (each.effective_from, each.ordinal), reverse=True)
    return json_answer({"items": [answers.head(each, now) for each in ordered], "next": None})


@router.get("/policies/{version:id}/diff", tags=["policies"], responses={200: {"model": answers.RulebookDiff}})
async def compare_rulebooks(request: Request, version: Name, against: Against = None) -> Response:
    """Tell what a rulebook adds to another, takes from it and changes."""
    known, now = await _known(request)
    return json_answer(_compared(_named(known, version).compiled.rulebook, known, now, against))


@router.get("/policies/{version:id}", tags=["policies"], responses={200: {"model": answers.RulebookShown}})
async def show_rulebook(request: Request, version: Name) -> Response:
    """Show a rulebook with its rules and what each of them takes."""
    known, now = await _known(request)
    return json_answer(answers.shown(_named(known, version), now))


@router.post(
    "/policies/check",
    tags=["policies"],
    responses={200: {"model": answers.RulebookChecked}, **_REFUSED},
    openapi_extra={"requestBody": _BODY},
)
async def check_rulebook(request: Request) -> Response:
    """Check a rulebook as rolling it out would, and tell what it takes; every fault has its place, line and column."""
    compiled = await _candidate(request)
    known, _ = await _known(request)
    return json_answer(answers.checked(compiled, known))


@router.post(
    "/policies/diff",
    tags=["policies"],
    responses={200: {"model": answers.RulebookDiff}, **_REFUSED},
    openapi_extra={"requestBody": _BODY},
)
async def compare_candidate(request: Request, against: Against = None) -> Response:
    """Tell what a rulebook that is not rolled out adds to another, takes from it and changes."""
    compiled = await _candidate(request)
    known, now = await _known(request)
    return json_answer(_compared(compiled.rulebook, known, now, against))


@router.get("/findings", tags=["policies"], responses={200: {"model": answers.FindingPage}})
async def list_findings(
    request: Request,
    rule: Text = None,
    shipment_id: Text = None,
    rulebook: Text = None,
    failed: bool | None = None,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> Response:
    """List what monitoring rules said of shipments, the latest first; `failed=true`: where rules failed."""
    before = _read_cursor(cursor)
    async with transaction(engine_of(request)) as c:
        found = await policies.findings(c, (rule, shipment_id, rulebook), failed, limit, before)
    after = _cursor(found[-1]) if len(found) == limit else None
    return json_answer({"items": found, "next": after})


async def _candidate(request: Request) -> Compiled:
    """Return the rulebook of a body, compiled. Raises CallerError naming every field at fault."""
    body = await read_file(request, ("application/json",), MAX_BYTES, BODY_TIMEOUT_S)
    async with _ONE_AT_A_TIME:
        try:
            rulebook = msgspec.json.decode(body, type=Rulebook)
            return await asyncio.to_thread(compile_rulebook, rulebook)
        except RulebookRefused as error:
            faults = error.as_permanent("").faults
        except REFUSALS as error:
            faults = refused(body, Rulebook, error).faults
    raise CallerError(422, "The rulebook cannot be rolled out", errors=faults)


async def _known(request: Request) -> tuple[dict[str, RolledOut], RolledOut | None]:
    """Return what was rolled out, and what is in force as of the log's time."""
    async with transaction(engine_of(request)) as c:
        known = await rulebooks(c)
        return known, in_force(known.values(), await drawing.now_of(c))


def _named(known: dict[str, RolledOut], version: str) -> RolledOut:
    if version not in known:
        raise CallerError(404, "There is no such rulebook", detail=f"{version} was not rolled out.")
    return known[version]


def _compared(
    rulebook: Rulebook, known: dict[str, RolledOut], now: RolledOut | None, against: str | None
) -> dict[str, Any]:
    other = now if against is None else _named(known, against)
    found = compare(other.compiled.rulebook if other else None, rulebook)
    return answers.diff(rulebook.version, other.version if other else None, found)


def _cursor(finding: dict[str, Any]) -> str:
    places = (finding["at"], finding["decision_id"], finding["rule_id"], finding["has_failed"])
    return base64.urlsafe_b64encode(msgspec.json.encode(places)).decode()


def _read_cursor(cursor: str) -> _Place | None:
    if not cursor:
        return None
    try:
        place: _Place = _PLACE.decode(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, *REFUSALS) as error:
        fault = FieldError("/query/cursor", "must be `next` of a page")
        raise CallerError(422, "The request is not valid", errors=(fault,)) from error
    return place
