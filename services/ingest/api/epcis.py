"""The capture interface of GS1 EPCIS 2.0: `POST /v1/epcis/capture`, and its jobs.

The ingest keeps no state, so a job's id is the job itself, compressed: whoever has the address has all of it, whichever
process answers.
"""

import base64
import binascii
import zlib
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.ingest.api.answers import JSON, Answer, again
from services.ingest.api.taking import Desk, Message, source_of, unpublished
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.epcis import capture
from services.ingest.domain.formats.epcis.capture import SPOKEN, Job, Span
from services.ingest.domain.formats.epcis.document import translate
from services.ingest.domain.formats.epcis.event import SOURCE
from shared.http import CONTENT_TYPE_PROBLEM

PATH = "/v1/epcis/capture"
MAX_ID = 4000
_MAX_JOB_BYTES = 1024 * 1024


class Capture:
    """Takes EPCIS documents and tells of their jobs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, message: Message) -> Answer:
        """Capture a document: 202 with its job, whatever the job came to; a problem when it could not be begun."""
        began = datetime.now(UTC)
        behaviour = capture.negotiated(message.headers)
        if isinstance(behaviour, Fault):
            return refuse(behaviour)
        source = source_of(message.caller, "epcis", SOURCE)
        given = translate(message.tree, source, self._desk.limits.batch_items)
        if isinstance(given, Fault):
            return refuse(given)
        events = capture.to_publish(given, behaviour)
        items = self._desk.check(message.caller, [event for _, event in events])
        refused = unpublished(events, items)
        # All or nothing: what can be known to be refused is known before anything is sent.
        is_rolled_back = behaviour == "rollback" and bool(refused)
        outcomes = items if is_rolled_back else await self._desk.publish(items, message.allowance)
        failed = unpublished(events, outcomes)
        away = [fault for _, fault in failed if fault.status == HTTPStatus.SERVICE_UNAVAILABLE]
        if away and len(away) == len(events):
            return refuse(away[0])
        job = capture.job("", Span(began, datetime.now(UTC)), behaviour, given, failed)
        told = msgspec.structs.replace(job, capture_id=_id_of(job))
        headers = {**SPOKEN, "location": f"{PATH}/{told.capture_id}"}
        return Answer(HTTPStatus.ACCEPTED, msgspec.json.encode(told), JSON, headers)

    async def discover(self, _: Request) -> Response:
        """Tell what may be sent (OPTIONS)."""
        limits = self._desk.limits
        return Response(status_code=204, headers=capture.discovery(limits.batch_items, limits.batch_bytes))

    async def show(self, request: Request) -> Response:
        """Tell of a job."""
        capture_id = request.path_params["capture_id"]
        job = _job_of(capture_id)
        if job is None:
            answer = refuse(Fault(title="There is no such capture job", status=404))
            return Response(_bytes(answer), answer.status, answer.headers, answer.content_type)
        told = msgspec.structs.replace(job, capture_id=capture_id)
        return Response(msgspec.json.encode(told), headers=SPOKEN, media_type=JSON)


def refuse(fault: Fault) -> Answer:
    """Answer with a fault as the standard tells it."""
    problem = capture.problem(fault)
    return Answer(problem.status, msgspec.json.encode(problem), CONTENT_TYPE_PROBLEM, {**SPOKEN, **again(fault)})


def _bytes(answer: Answer) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


def _id_of(job: Job) -> str:
    """Return the job as text that may stand in an address; of very many errors and notes as many as fit there."""
    while len(text := _packed(job)) > MAX_ID:
        errors, notes = len(job.errors) // 2, len(job.notes) // 2
        job = msgspec.structs.replace(job, errors=job.errors[:errors], notes=job.notes[:notes])
    return text


def _packed(job: Job) -> str:
    return base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(job), 9)).rstrip(b"=").decode()


def _job_of(text: str) -> Job | None:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        plain = zlib.decompressobj()
        return msgspec.json.decode(plain.decompress(packed, _MAX_JOB_BYTES), type=Job)
    except (binascii.Error, zlib.error, msgspec.MsgspecError, ValueError, RecursionError):
        return None
