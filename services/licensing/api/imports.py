"""The routes of imports: a register file is planned, and written as a whole or not at all."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.licensing import importer
from services.licensing.api import answers, import_answers
from services.licensing.api.import_answers import imported_answer, outcome_of, plan_answer, status_answer
from services.licensing.api.uploads import REFUSED, read_file
from services.licensing.importing.events import content_hash
from services.licensing.importing.register import Register, read_register
from services.licensing.store import imports
from shared.database import transaction
from shared.errors import CallerError
from shared.http import CONTENT_TYPE_PROBLEM
from shared.openapi import ANY_PROBLEM

MAX_FILE_BYTES = 20 * 1024 * 1024
BODY_TIMEOUT_S = 60.0
CSV = "text/csv"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FILE = {"schema": {"type": "string", "format": "binary"}}
_PROBLEM = {"content": {CONTENT_TYPE_PROBLEM: {"schema": answers.Problem.model_json_schema()}}}
_UNIMPORTABLE = {
    "description": "The file has faults, or a licence is refused, or a parameter is not valid; nothing was written",
    "content": {
        CONTENT_TYPE_PROBLEM: {"schema": {"anyOf": [import_answers.ImportProblem.model_json_schema(), ANY_PROBLEM]}}
    },
}

router = APIRouter(tags=["imports"])
_UPLOADS = asyncio.Semaphore(4)
"""Files are large in memory; further ones wait unread."""
_ONE_AT_A_TIME = asyncio.Semaphore(1)
"""Reading a file and planning take a processor."""


@router.post(
    "/imports/licences",
    responses={
        200: {"model": import_answers.ImportPlan, "description": "A dry run: what would change"},
        202: {"model": import_answers.Imported, "description": "All events are written and on their way"},
        **REFUSED,
        409: {"description": "An import is still being taken in", **_PROBLEM},
        422: _UNIMPORTABLE,
    },
    openapi_extra={"requestBody": {"required": True, "content": {CSV: _FILE, EXCEL: _FILE}}},
)
async def import_licences(
    request: Request,
    dry_run: Annotated[bool, Query(description="Only tell what would change")] = True,
    sheet: Annotated[str | None, Query(max_length=64, description="Of a workbook; by default the first")] = None,
    at: Annotated[datetime | None, Query(description="As of when the register holds; by default now")] = None,
) -> Response:
    """Import a register of licences and opening balances. The body is the file: CSV, or an Excel workbook.

    Nothing is half imported: with any fault nothing is written, else all events are, in one transaction.
    """
    as_of = _as_of(at)
    async with _UPLOADS:
        data = await read_file(request, (CSV, EXCEL), MAX_FILE_BYTES, BODY_TIMEOUT_S)
        async with _ONE_AT_A_TIME:
            return await _imported(request, data, sheet, None if dry_run else as_of)


async def _imported(request: Request, data: bytes, sheet: str | None, as_of: datetime | None) -> Response:
    """Import the file as of a time; without one, it is a dry run."""
    content = content_hash(data, sheet)
    register = await asyncio.to_thread(read_register, data, sheet)
    topic = request.app.state.settings.topic_events
    try:
        async with transaction(_engine(request)) as c:
            if as_of is None:
                outcome = await importer.dry_run(c, register)
            else:
                outcome = await importer.take_in(c, register, content, topic, as_of)
    except importer.UnderWayError as error:
        raise _under_way(error) from error
    return await asyncio.to_thread(_answer, content, register, outcome, is_dry=as_of is None)


def _as_of(at: datetime | None) -> datetime:
    """Return the time as of which a register holds. Raises CallerError for one without a place in UTC."""
    if at is not None and at.tzinfo is None:
        raise CallerError(422, "The request is not valid", detail="at needs an offset from UTC, e.g. Z.")
    try:
        return at.astimezone(UTC) if at else datetime.now(UTC)
    except OverflowError as error:
        detail = "In UTC, at is outside the years 1 to 9999."
        raise CallerError(422, "The request is not valid", detail=detail) from error


@router.get(
    "/imports/{number}",
    responses={
        200: {"model": import_answers.ImportStatus},
        404: {"description": "There is no such import", **_PROBLEM},
    },
)
async def import_status(request: Request, number: Annotated[int, Path(ge=1, lt=2**63)]) -> Response:
    """Tell what became of the events of an import."""
    async with transaction(_engine(request)) as c:
        found = await imports.find(c, number)
    if found is None:
        raise CallerError(404, "There is no such import")
    return _json(200, status_answer(found))


def _answer(content: str, register: Register, outcome: importer.Outcome, *, is_dry: bool) -> Response:
    if is_dry:
        return _json(200, plan_answer(content, register, outcome))
    if outcome.number is None and not outcome.is_importable:
        return _unimportable(plan_answer(content, register, outcome))
    return _json(202, imported_answer(content, register, outcome))


def _under_way(error: importer.UnderWayError) -> CallerError:
    detail = f"{error}; see {outcome_of(error.number)}."
    return CallerError(409, "An import is still being taken in", detail=detail, headers={"retry-after": "2"})


def _unimportable(found: dict[str, Any]) -> Response:
    counts = found["counts"]
    detail = f"{counts['faults']} faults, {counts['refused']} licences refused; nothing was imported."
    problem = {"type": "about:blank", "title": "The register cannot be imported", "status": 422, "detail": detail}
    return _json(422, {**problem, **found}, is_problem=True)


def _engine(request: Request) -> AsyncEngine:
    engine: AsyncEngine = request.app.state.engine
    return engine


def _json(status: int, value: Any, *, is_problem: bool = False) -> Response:
    media_type = CONTENT_TYPE_PROBLEM if is_problem else "application/json"
    return Response(msgspec.json.encode(value), status, media_type=media_type)
