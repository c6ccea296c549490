"""Takes in a file that is the body of a request, within a size and a time."""

import asyncio
import contextlib
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from services.licensing.api.asking import problem
from shared.errors import CallerError

REFUSED: dict[int | str, dict[str, Any]] = {
    408: problem("The body came too slowly"),
    413: problem("The body is too large"),
    415: problem("A content type that is not taken"),
}
"""What may come of a body that is read here, for the OpenAPI document."""
DRAIN_BYTES = 64 * 1024 * 1024
DRAIN_S = 5.0


async def read_file(request: Request, media_types: tuple[str, ...], max_bytes: int, timeout_s: float) -> bytes:
    """Return the body. Raises CallerError: 415 another media type, 413 too large, 408 too slow, 400 gone."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in media_types:
        await _drain(request)
        raise CallerError(415, "This content type is not taken", detail=f"Send one of: {', '.join(media_types)}.")
    try:
        async with asyncio.timeout(timeout_s):
            data = await _within(request, max_bytes)
    except TimeoutError:
        close = {"connection": "close"}
        detail = f"The file did not arrive within {timeout_s:g} s."
        raise CallerError(408, "The request was too slow", detail=detail, headers=close) from None
    except ClientDisconnect:
        raise CallerError(400, "The request was not whole") from None
    if data is None:
        await _drain(request)
        raise CallerError(413, "The file is too large", detail=f"At most {max_bytes} bytes are taken.")
    return data


async def _within(request: Request, max_bytes: int) -> bytes | None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _drain(request: Request) -> None:
    """Throw away what still comes, within bounds: a client whose bytes stay unread may not get its answer."""
    if "expect" in request.headers:
        return
    left = DRAIN_BYTES
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DRAIN_S):
            while left > 0:
                message = await request.receive()
                left -= len(message.get("body", b"")) or 1
                if not message.get("more_body", False):
                    return
