"""The door for senders that can only sign: `POST /v1/callbacks/{sender}`.

Whose body it is is known before anything of it is looked at; then it goes the way of a request with a token.
"""

import secrets
import time
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.answers import JSON, Answer
from services.ingest.api.body import ClientGoneError, RequestBody
from services.ingest.api.counting import count_request
from services.ingest.api.endpoint import send_answer
from services.ingest.api.head import Head, read_head
from services.ingest.api.in_hand import BusyError, InHand
from services.ingest.api.taking import Desk
from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.media import STRUCTURED_TYPE
from services.ingest.domain.senders import Format, Sender
from services.ingest.domain.signatures import claim_of, holds, not_signed_so
from services.ingest.senders import Senders
from shared.identity import Caller
from shared.identity.caller import CALLER

PATH = "/v1/callbacks/{sender}"
SCOPES = frozenset({"events:write"})
CHALLENGE = 'Signature realm="lanewatch"'
UNVERIFIED = 4
"""So many times less than all together may be in hand of what is not known to be signed."""
_NOBODYS_KEY = secrets.token_bytes(32)
"""What a sender that is not known is held against, so that it takes as long."""


class Callbacks:
    """Serves the route (ASGI); `doors` is where bodies of each format go."""

    def __init__(self, desk: Desk, senders: Senders, doors: Mapping[Format, ASGIApp]) -> None:
        self._desk = desk
        self._senders = senders
        self._doors = doors
        # Anybody can send what is not verified yet, so that it must not shut the other doors.
        whole = desk.in_hand
        self._unverified = InHand(max(1, whole.max_requests // UNVERIFIED), whole.max_bytes // UNVERIFIED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = read_head(scope["headers"])
        # The signature is of the body as it was sent, so nothing is unpacked yet.
        packed = read_head(head.raw)
        packed.encodings = []
        body = RequestBody(packed, receive, max_expansion=self._desk.max_expansion)
        try:
            found = await self._signed(scope, head, body)
        except BusyError:
            found = answers.busy()
        except ClientGoneError:
            return
        if isinstance(found, Fault):
            answer = _refused(found)
            count_request(answer.status)
            await send_answer(answer, body, send, self._desk.body_timeout_s)
            return
        sender, content = found
        await self._doors[sender.format](_as_from(sender, scope), _of(content), send)

    async def _signed(self, scope: Scope, head: Head, body: RequestBody) -> tuple[Sender, bytes] | Fault:
        """Return who sends the body, or why that is not known; what is not signed is not read."""
        if attribute := next((name for name, _ in head.raw if name.startswith(b"ce-")), None):
            # The signature is of the body alone: an event whose attributes stand beside it could be made another.
            return Fault(
                title="The event must stand in the body, which is what is signed",
                status=400,
                errors=(Flaw(pointer=f"/header/{attribute.decode('latin-1')}", detail="is not taken on callbacks"),),
            )
        claim = claim_of(head.raw, time.time())
        if isinstance(claim, Fault):
            return claim
        sender = await self._senders.find(scope["path_params"]["sender"])
        with self._unverified.share() as share:
            content = await body.read(self._desk.limits.batch_bytes, self._desk.body_timeout_s, share)
        if isinstance(content, Fault):
            return content
        is_known = sender is not None and sender.scheme == claim.scheme
        keys = sender.keys if sender is not None and is_known else (_NOBODYS_KEY,)
        is_held = holds(claim, keys, content)
        return (sender, content) if sender is not None and is_known and is_held else not_signed_so(claim)


async def answers_here(_: Request) -> Response:
    """Answer `HEAD`: publishers ask whether there is somebody before they take a callback's address."""
    return Response(status_code=204)


def _as_from(sender: Sender, scope: Scope) -> Scope:
    """Return the request as one of this caller; a whole event under the content type of any JSON is one."""
    headers = scope["headers"]
    is_bare = not any(name.startswith(b"ce-") for name, _ in headers)
    if sender.format == "cloudevents" and is_bare:
        headers = [(name, _structured(value) if name == b"content-type" else value) for name, value in headers]
    caller = Caller(sender.name, sender.tenant, SCOPES, (sender.source,))
    return {**scope, "headers": headers, CALLER: caller}


def _structured(content_type: bytes) -> bytes:
    media_type = content_type.partition(b";")[0].strip().lower()
    return STRUCTURED_TYPE.encode() if media_type == JSON.encode() else content_type


def _of(content: bytes) -> Receive:
    """Return what hands a body over that is here already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


def _refused(fault: Fault) -> Answer:
    answer = answers.problem(fault)
    if fault.status != 401:  # noqa: PLR2004 - a status
        return answer
    return Answer(answer.status, answer.body, answer.content_type, {"www-authenticate": CHALLENGE})
