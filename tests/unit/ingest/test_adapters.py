"""What adapters answer while Kafka is away, and what they keep back of an item that cannot be taken whole."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from services.ingest.api.answers import Answer
from services.ingest.api.dcsa import TrackAndTrace
from services.ingest.api.epcis import Capture
from services.ingest.api.in_hand import InHand
from services.ingest.api.taking import Desk, Message
from services.ingest.api.usage import Usage
from services.ingest.domain.json_text import parse
from services.ingest.domain.reading import Limits
from services.ingest.publisher import Publisher
from shared.identity import EVERYBODY, Caller
from tests.unit.ingest.formats.dcsa.test_version3 import event
from tests.unit.ingest.formats.epcis import documents as epcis

EXAMPLES = Path(__file__).parents[2] / "contract" / "ingest" / "examples" / "usage"


def desk(event_bytes: int = 1_000_000) -> Desk:
    """Return a desk whose publisher never had a broker."""
    limits = Limits(event_bytes=event_bytes, batch_bytes=1_000_000, batch_items=10, is_clock_taken=False)
    publisher = Publisher("127.0.0.1:1", "events", timeout_s=1)
    return Desk(publisher, limits, InHand(9, 9_000_000), licensing_url="", body_timeout_s=1, max_expansion=9)


def told(answer: Answer) -> Any:
    return json.loads(answer.body if isinstance(answer.body, bytes) else b"".join(answer.body))


async def test_a_carrier_is_told_to_come_back_though_other_events_of_its_message_make_nothing() -> None:
    tree = {"events": [event("SHIPMENT", "CONF"), event()]}
    answer = await TrackAndTrace(desk()).take(Message(tree, {}, EVERYBODY))
    assert (answer.status, answer.headers["retry-after"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "2")
    assert [element["severity"] for element in told(answer)["feedbackElements"]] == ["WARN", "ERROR"]


async def test_an_old_licence_does_not_end_where_the_new_one_is_too_large() -> None:
    tree = parse((EXAMPLES / "licence-update.json").read_bytes())
    answer = await Usage(desk(event_bytes=400)).take(Message(tree, {}, EVERYBODY))
    (result,) = told(answer)["results"]
    assert [problem["status"] for problem in result["problems"]] == [413]
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY


async def test_a_token_of_no_source_sends_no_message_of_another_format_either() -> None:
    nobody = Caller("x", "default", frozenset(), sources=())
    answer = await TrackAndTrace(desk()).take(Message({"events": [event()]}, {}, nobody))
    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "The source is not yours" in told(answer)["feedbackElements"][0]["message"]


async def test_a_document_of_which_kafka_took_nothing_is_to_be_sent_again() -> None:
    answer = await Capture(desk()).take(Message(epcis.document(epcis.event()), {}, EVERYBODY))
    assert (answer.status, answer.headers["retry-after"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "2")
    assert told(answer)["type"] == "epcisException:ImplementationException"


async def test_nothing_of_a_document_is_published_when_one_of_its_events_is_refused_at_last() -> None:
    large = epcis.event(eventID=f"urn:example:{'x' * 200}")
    tree = epcis.document(epcis.event(), large)
    for headers, statuses in (({}, [413]), ({"gs1-capture-error-behaviour": "proceed"}, [503, 413])):
        answer = await Capture(desk(event_bytes=450)).take(Message(tree, headers, EVERYBODY))
        assert [error["status"] for error in told(answer)["errors"]] == statuses


async def test_every_door_keeps_to_the_limit_that_is_set() -> None:
    usage = {"usage_data_id": "a", "created_at": "2026-01-01T00:00:00Z", "licences": [{}] * 11}
    answers = [
        await TrackAndTrace(desk()).take(Message({"events": [event()] * 11}, {}, EVERYBODY)),
        await Capture(desk()).take(Message(epcis.document(*[epcis.event()] * 11), {}, EVERYBODY)),
        await Usage(desk()).take(Message(usage, {}, EVERYBODY)),
    ]
    assert [answer.status for answer in answers] == [413, 413, 413]
