"""The consumer's side of DCSA Track & Trace: `POST /v1/dcsa/v3/events`, and callbacks of version 2.2."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from itertools import islice
from typing import NamedTuple

import msgspec
import structlog

from services.ingest.api.answers import JSON, RETRY_AFTER_S, Answer, again
from services.ingest.api.taking import Desk, Message, source_of, unpublished
from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.dcsa import version3
from services.ingest.domain.formats.dcsa.feedback import API_VERSION, Feedback, feedback, of_fault
from services.ingest.domain.formats.dcsa.item import SOURCE
from services.ingest.domain.formats.dcsa.version2 import events as version2
from services.ingest.domain.formats.foreign import Translation
from shared.preferences import preferences

log = structlog.get_logger(__name__)

PATH = "/v1/dcsa/v3/events"
PATH_2 = "/v1/dcsa/v2/events"
API_VERSION_2 = "2.2.0"
MOST_NAMED = 10
"""Events of a callback that make no milestone are named in the log: its answer has no body."""


class TrackAndTrace:
    """Takes what carriers and platforms publish."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, message: Message) -> Answer:
        """Publish the milestones of a message: 200 with feedback; an error when no event of it can be taken.

        While Kafka is away it is an error too, whatever else was taken: who reads 200 does not send again.
        """
        source = source_of(message.caller, "dcsa", SOURCE)
        given = version3.translate(message.tree, source, self._desk.limits.batch_items)
        if isinstance(given, Fault):
            return refuse(given)
        outcome = await _published(self._desk, message, given)
        if outcome.is_away:
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, outcome.feedback)
        is_refused = 0 < outcome.refused == len(given)
        return _answer(HTTPStatus.UNPROCESSABLE_ENTITY if is_refused else HTTPStatus.OK, outcome.feedback)


class Callback:
    """Takes callbacks of version 2.2."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def take(self, message: Message) -> Answer:
        """Publish the milestones of a callback: 204 when nothing of it was refused, else an error with feedback.

        Senders take any other answer than 204 for none and send the same again; what of it was taken counts once.
        """
        source = source_of(message.caller, "dcsa", SOURCE)
        given = version2.translate(message.tree, source, self._desk.limits.batch_items)
        if isinstance(given, Fault):
            return refuse_2(given)
        outcome = await _published(self._desk, message, given)
        if outcome.is_away:
            return _answer_2(HTTPStatus.SERVICE_UNAVAILABLE, outcome.feedback)
        if outcome.refused:
            return _answer_2(HTTPStatus.UNPROCESSABLE_ENTITY, outcome.feedback)
        if preferences([message.headers.get("prefer", "")]).get("return") == "representation":
            return _answer_2(HTTPStatus.OK, outcome.feedback)
        _name_the_rest(source, given)
        return Answer(HTTPStatus.NO_CONTENT, b"", JSON, {"api-version": API_VERSION_2})


class _Outcome(NamedTuple):
    """What became of a message: how many of its events were refused, and whether Kafka was away for one."""

    feedback: Feedback
    refused: int
    is_away: bool


async def _published(desk: Desk, message: Message, given: Sequence[Translation]) -> _Outcome:
    events = [(translation, event) for translation in given for event in translation.events]
    items = desk.check(message.caller, [event for _, event in events])
    outcomes = await desk.publish(items, message.allowance)
    failed = unpublished(events, outcomes)
    faults = [*(fault for _, fault in failed), *(each.fault for each in given if each.fault)]
    is_away = any(fault.status == HTTPStatus.SERVICE_UNAVAILABLE for fault in faults)
    return _Outcome(feedback(given, failed), len(faults), is_away)


def _name_the_rest(source: str, given: Sequence[Translation]) -> None:
    for each in islice((each for each in given if not each.events), MOST_NAMED):
        for flaw in each.unmapped:
            log.info(
                "an event made no milestone", source=source, event_id=each.name, at=flaw.pointer, reason=flaw.detail
            )


def _answer(status: int, body: Feedback, version: str = API_VERSION, fault: Fault | None = None) -> Answer:
    is_away = status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = again(fault) if fault else {"retry-after": str(RETRY_AFTER_S)} if is_away else {}
    return Answer(status, msgspec.json.encode(body), JSON, {"api-version": version, **headers})


_answer_2 = partial(_answer, version=API_VERSION_2)


def refuse(fault: Fault) -> Answer:
    """Answer with a fault as version 3.0 tells it."""
    return _answer(fault.status, of_fault(fault), fault=fault)


def refuse_2(fault: Fault) -> Answer:
    """Answer with a fault of a callback; version 2.2 does not say how, so as 3.0 does."""
    return _answer_2(fault.status, of_fault(fault), fault=fault)
