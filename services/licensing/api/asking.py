"""What the routes share: the parameters that questions have, and how answers are sent."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from services.licensing.api import answers
from services.licensing.api.addresses import BASE
from shared.errors import CallerError

_PROBLEM = {"content": {"application/problem+json": {"schema": answers.Problem.model_json_schema()}}}
NO_NUL = r"^[^\x00]*$"

Limit = Annotated[int, Query(ge=1, le=1000)]
Text = Annotated[str | None, Query(max_length=256, pattern=NO_NUL)]
Name = Annotated[str, Path(min_length=1, max_length=256, pattern=NO_NUL)]
Cursor = Annotated[str, Query(max_length=1024, pattern=NO_NUL, description="`next` of the page before")]
Number = Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before")]


def make_router() -> APIRouter:
    """Return a router under the API's base that tells what may go wrong."""
    return APIRouter(
        prefix=BASE,
        responses={
            404: {"description": "There is no such thing", **_PROBLEM},
            422: {"description": "A parameter is not valid", **_PROBLEM},
            503: {"description": "The database is away; try again", **_PROBLEM},
        },
    )


def problem(description: str) -> dict[str, Any]:
    """Return how the OpenAPI document tells of an answer that is a problem."""
    return {"description": description, **_PROBLEM}


def engine_of(request: Request) -> AsyncEngine:
    """Return where questions are asked."""
    engine: AsyncEngine = request.app.state.engine
    return engine


def json_answer(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON."""
    return Response(msgspec.json.encode(value), media_type="application/json", headers=headers)


def found(value: dict[str, Any] | None, what: str) -> dict[str, Any]:
    """Return what was found. Raises CallerError when there is none."""
    if value is None:
        raise CallerError(404, f"There is no such {what}")
    return value


def page_of(items: Sequence[dict[str, Any]], limit: int, key: str) -> dict[str, Any]:
    """Return a page of a list; `next` is null where it is the last one."""
    return {"items": items, "next": str(items[-1][key]) if len(items) == limit else None}
