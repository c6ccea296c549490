"""Whether who asks wants a page or JSON (RFC 9110, section 12.5.1)."""

from typing import Annotated, Literal

from fastapi import Depends, Query, Request

PAGE, JSON = "text/html", "application/json"


def prefers_page(accept: str) -> bool:
    """Return whether an `Accept` header asks for HTML before JSON; who takes anything gets JSON."""
    ranges = [_range(part) for part in accept.split(",")]
    page, json = _quality(ranges, PAGE), _quality(ranges, JSON)
    if page != json:
        return page > json
    named = [kind for kind, _ in ranges if kind in (PAGE, JSON)]
    return page > 0 and named[:1] == [PAGE]


def _range(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weight = next((p.partition("=")[2] for p in parameters if p.startswith("q=")), "1")
    try:
        return kind, min(1.0, max(0.0, float(weight)))
    except ValueError:
        return kind, 0.0


def _quality(ranges: list[tuple[str, float]], kind: str) -> float:
    """Return what the most specific range that names a media type says of it."""
    for wanted in (kind, kind.partition("/")[0] + "/*", "*/*"):
        found = [weight for name, weight in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0


def _wants_page(
    request: Request,
    format: Annotated[
        Literal["html", "json"] | None, Query(description="Instead of what the `Accept` header asks for")
    ] = None,
) -> bool:
    return format == "html" if format else prefers_page(request.headers.get("accept", ""))


WantsPage = Annotated[bool, Depends(_wants_page)]
