"""Evidence: the chain over what was sent to a subscription, as lines that can be checked offline."""

import base64
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import Receive, Scope, Send

from services.alerts.api.subscriptions import missing, tenant_of
from services.alerts.background.notary import checkpoint, fault_of, key_of
from services.alerts.domain.evidence import GENESIS, VERSION, Checkpoint, Fact, link_of, moment
from services.alerts.domain.signing import jwk
from services.alerts.store import evidence
from services.alerts.store.evidence import Head, SignedCheckpoint
from shared.database import transaction
from shared.errors import CallerError
from shared.openapi import problem

log = structlog.get_logger(__name__)

NDJSON = "application/x-ndjson"
AT_ONCE = 500

router = APIRouter(tags=["evidence"])


class _Export(StreamingResponse):
    """Has a place among the exports for as long as it is sent."""

    place: AbstractContextManager[None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.place:
            await super().__call__(scope, receive, send)


@router.get(
    "/v1/subscriptions/{subscription_id}/evidence",
    response_class=StreamingResponse,
    responses={
        200: {"description": "One JSON object a line.", "content": {NDJSON: {"schema": {"type": "string"}}}},
        429: problem("The tenant has two exports under way."),
        503: problem("A dependency is away, or there are too many exports."),
    },
)
async def export(
    request: Request,
    subscription_id: UUID,
    after: Annotated[int, Query(ge=0, lt=2**63, description="Begin after this link")] = 0,
    bodies: Annotated[bool, Query(description="With what was sent, where it is kept as it was sent")] = False,
) -> StreamingResponse:
    """Export every attempt as a link of a chain, with signed checkpoints; also of a subscription that was deleted.

    Each link's hash covers the one before, so that nothing can be changed, dropped, moved or added unseen by who has
    an earlier export to compare with: `lanewatch verify` checks it offline. The format is described in
    `docs/alerts/evidence.md`. A chain that no longer follows from its last checkpoint is exported without one:
    the service does not sign what it did not record.
    """
    now, tenant = datetime.now(UTC), tenant_of(request)
    engine, vault = request.app.state.engine, request.app.state.vault
    async with transaction(engine) as connection:
        if await evidence.tenant_of(connection, subscription_id) != tenant:
            raise missing("subscription")
        chain = await evidence.chain(connection, subscription_id)
        head = Head(0, GENESIS) if chain is None else chain.head
        previous = await evidence.hash_at(connection, subscription_id, after) if after <= head.links else None
        if previous is None:
            raise CallerError.of_field("/query/after", "must be a link of the chain")
        key = await key_of(connection, vault, tenant)
    with request.app.state.exports.taken(tenant):
        broken = None if chain is None else await fault_of(engine, vault, chain)
    if broken is not None:
        log.error("an export of evidence is not signed", subscription_id=str(subscription_id), reason=broken)
    closing = checkpoint(key, subscription_id, head, now, is_closing=True)
    lines = _lines(engine, Head(after, previous), closing, bodies=bodies, is_signed=broken is None)
    name = f'attachment; filename="evidence-{subscription_id}.ndjson"'
    export = _Export(lines, media_type=NDJSON, headers={"content-disposition": name})
    export.place = request.app.state.exports.taken(tenant)
    return export


async def _lines(
    engine: AsyncEngine, begin: Head, closing: SignedCheckpoint, *, bodies: bool, is_signed: bool
) -> AsyncIterator[bytes]:
    """Return the lines, some at a time: what is there already never changes."""
    place, subscription_id = begin.links, closing.subscription_id
    yield first_line(begin, closing)
    while place < closing.links:
        async with transaction(engine) as connection:
            rows = await evidence.links(connection, subscription_id, place, closing.links, AT_ONCE, bodies=bodies)
            until = rows[-1].link if rows else closing.links
            signed = await evidence.checkpoints(connection, subscription_id, place, until)
        by_link = {each.links: each for each in signed}
        lines = []
        for row in rows:
            lines.append(attempt_line(row, bodies=bodies))
            if (each := by_link.pop(row.link, None)) is not None:
                lines.append(checkpoint_line(each))
        lines += map(checkpoint_line, by_link.values())
        yield b"".join(lines)
        place = until
    async with transaction(engine) as connection:
        beyond = await evidence.checkpoints(connection, subscription_id, closing.links, 2**63 - 1)
    # What is signed and not there is shown, or nobody would see that it is gone.
    yield b"".join(map(checkpoint_line, beyond))
    if is_signed:
        yield checkpoint_line(closing, is_closing=True)


def first_line(begin: Head, closing: SignedCheckpoint) -> bytes:
    """Return what an export says of itself: after which link it begins, and what its closing checkpoint says too."""
    said = {
        "type": "chain",
        "after": begin.links,
        "exported_at": moment(closing.at),
        "links": closing.links,
        "previous": begin.hash.hex(),
        "subscription_id": str(closing.subscription_id),
        "v": VERSION,
    }
    return msgspec.json.encode(said) + b"\n"


def attempt_line(row: Fact, *, bodies: bool) -> bytes:
    """Return a link with its hash, what was answered and, if asked for, what was sent."""
    said = {
        "type": "attempt",
        **msgspec.structs.asdict(link_of(row, row.link)),
        "hash": row.hash.hex(),
        "response_excerpt": row.response_excerpt,
    }
    if bodies:
        said["body"] = None if row.body is None else row.body.decode()
    return msgspec.json.encode(said) + b"\n"


def checkpoint_line(each: SignedCheckpoint, *, is_closing: bool = False) -> bytes:
    """Return a checkpoint with its signature and the key to check that by."""
    said = Checkpoint(moment(each.at), is_closing, each.hash.hex(), each.links, str(each.subscription_id))
    public = jwk(each.public)
    shown = {
        "type": "checkpoint",
        **msgspec.structs.asdict(said),
        "key": {name: public[name] for name in ("kty", "crv", "x", "kid")},
        "signature": base64.b64encode(each.signature).decode(),
    }
    return msgspec.json.encode(shown) + b"\n"
