"""Lists in pages: `next` of one is the `cursor` of the following one."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from shared.errors import CallerError

T = TypeVar("T")
P = TypeVar("P")

Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before")]


class Page(BaseModel, Generic[T]):
    """A part of a list; `next` is null at its end."""

    items: list[T]
    next: str | None


def page_of(items: Sequence[T], limit: int, place: Callable[[T], object]) -> Page[T]:
    """Return a page of up to `limit` items; `items` holds one more when there are more."""
    shown = list(items[:limit])
    more = len(items) > limit
    return Page(items=shown, next=_cursor(str(place(shown[-1]))) if more else None)


def _cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def place_of(cursor: str | None, parse: Callable[[str], P]) -> P | None:
    """Return the place that a cursor names. Raises CallerError when it is not one of ours."""
    if cursor is None:
        return None
    try:
        return parse(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode())
    except (ValueError, binascii.Error) as error:
        raise CallerError.of_field("/query/cursor", "must be `next` of a page") from error
