"""The consumer's side of DCSA Track & Trace 3.0: `POST /v1/dcsa/v3/events`."""

from http import HTTPStatus

import msgspec

from services.ingest.api.answers import JSON, RETRY_AFTER_S, Answer
from services.ingest.api.taking import Desk, Message, source_of, unpublished
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.dcsa.feedback import API_VERSION, Feedback, feedback, of_fault
from services.ingest.domain.formats.dcsa.version3 import SOURCE, translate

PATH = "/v1/dcsa/v3/events"


class TrackAndTrace:
    """Takes what carriers and platforms publish."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, message: Message) -> Answer:
        """Publish the milestones of a message: 200 with feedback; an error when no event of it can be taken.

        While Kafka is away it is an error too, whatever else was taken: who reads 200 does not send again.
        """
        source = source_of(message.caller, "dcsa", SOURCE)
        given = translate(message.tree, source, self._desk.limits.batch_items)
        if isinstance(given, Fault):
            return refuse(given)
        events = [(translation, event) for translation in given for event in translation.events]
        outcomes = await self._desk.publish(self._desk.check(message.caller, [event for _, event in events]))
        failed = unpublished(events, outcomes)
        faults = [*(fault for _, fault in failed), *(each.fault for each in given if each.fault)]
        body = feedback(given, failed)
        if any(fault.status == HTTPStatus.SERVICE_UNAVAILABLE for fault in faults):
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, body)
        is_refused = bool(faults) and len(faults) == len(given)
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK, body)


def refuse(fault: Fault) -> Answer:
    """Answer with a fault as the standard tells it."""
    return _answer(fault.status, of_fault(fault))


def _answer(status: int, body: Feedback) -> Answer:
    again = {"retry-after": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Answer(status, msgspec.json.encode(body), JSON, {"api-version": API_VERSION, **again})
