"""The capture interface: what headers ask for, what a job came to, how an error is told."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.ingest.domain.faults import Fault, Flaw, clock_not_taken, not_json, too_large, wrong_media_type
from services.ingest.domain.formats.epcis.capture import (
    Behaviour,
    Span,
    discovery,
    job,
    negotiated,
    problem,
    to_publish,
)
from services.ingest.domain.formats.epcis.document import translate
from services.ingest.domain.formats.foreign import Translation
from tests.unit.ingest.formats.epcis.documents import document, event, read

SPAN = Span(datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 3, 2, 8, 0, 1, tzinfo=UTC))
AWAY = Fault(title="Kafka is away", status=503, detail="Send it again.")
GOOD, OTHER, BAD = event(), event(eventID="urn:uuid:2"), event(eventID="urn:uuid:3", action="x")


def given(*events: Any, **over: Any) -> list[Translation]:
    translations = read(document(*events, **over))
    assert isinstance(translations, list)
    return translations


@pytest.mark.parametrize(
    "headers, behaviour",
    [
        ({}, "rollback"),
        ({"gs1-capture-error-behaviour": "proceed"}, "proceed"),
        ({"gs1-capture-error-behaviour": " Rollback "}, "rollback"),
        ({"gs1-epcis-capture-error-behaviour": "proceed"}, "proceed"),
        ({"gs1-capture-error-behaviour": "proceed", "gs1-epcis-capture-error-behaviour": "proceed"}, "proceed"),
        ({"gs1-epcis-version": "2.0.0", "gs1-cbv-version": "2.0"}, "rollback"),
        ({"gs1-epcis-version": "2.0.1"}, "rollback"),
        ({"gs1-epcis-min": "1.2.0", "gs1-epcis-max": "2.0.0"}, "rollback"),
        ({"gs1-epcis-min": "2.0", "gs1-epcis-max": "2", "gs1-cbv-min": "1.2", "gs1-cbv-max": "3.0"}, "rollback"),
    ],
)
def test_what_can_be_met_is_taken(headers: dict[str, str], behaviour: Behaviour) -> None:
    assert negotiated(headers) == behaviour


@pytest.mark.parametrize(
    "headers, status, name",
    [
        ({"gs1-epcis-version": "1.2.0"}, 406, "gs1-epcis-version"),
        ({"gs1-cbv-version": "3.0"}, 406, "gs1-cbv-version"),
        ({"gs1-epcis-min": "2.0.1"}, 406, "gs1-epcis-min"),
        ({"gs1-cbv-min": "3"}, 406, "gs1-cbv-min"),
        ({"gs1-epcis-max": "1.2.0"}, 406, "gs1-epcis-max"),
        ({"gs1-cbv-max": "1.99"}, 406, "gs1-cbv-max"),
        ({"gs1-epcis-version": "two"}, 400, "gs1-epcis-version"),
        ({"gs1-epcis-min": ""}, 400, "gs1-epcis-min"),
        ({"gs1-capture-error-behaviour": "all"}, 400, "gs1-capture-error-behaviour"),
        ({"gs1-epcis-capture-error-behaviour": ""}, 400, "gs1-epcis-capture-error-behaviour"),
        (
            {"gs1-capture-error-behaviour": "proceed", "gs1-epcis-capture-error-behaviour": "rollback"},
            400,
            "gs1-epcis-capture-error-behaviour",
        ),
    ],
)
def test_what_cannot_be_met_is_refused_by_the_header_that_asks(headers: dict[str, str], status: int, name: str) -> None:
    fault = negotiated(headers)
    assert isinstance(fault, Fault)
    assert (fault.status, [flaw.header for flaw in fault.errors]) == (status, [name])


def test_discovery_tells_versions_limits_and_that_both_behaviours_can_be_had() -> None:
    assert discovery(500, 1_000_000) == {
        "Allow": "OPTIONS, POST",
        "GS1-EPCIS-Version": "2.0.0",
        "GS1-CBV-Version": "2.0.0",
        "GS1-Extensions": "lanewatch=urn:lanewatch:epcis:",
        "GS1-EPCIS-Min": "2.0.0",
        "GS1-EPCIS-Max": "2.0.0",
        "GS1-CBV-Min": "2.0.0",
        "GS1-CBV-Max": "2.0.0",
        "GS1-EPCIS-Capture-Limit": "500",
        "GS1-EPCIS-Capture-File-Size-Limit": "1000000",
        "GS1-Capture-Error-Behaviour": "all",
    }


def test_one_refused_event_keeps_all_from_being_published_unless_one_proceeds() -> None:
    translations = given(GOOD, BAD, OTHER)
    assert to_publish(translations, "rollback") == []
    assert [made.id for _, made in to_publish(translations, "proceed")] == ["urn:uuid:1", "urn:uuid:2"]
    assert len(to_publish(given(GOOD, OTHER), "rollback")) == 2


def test_what_is_only_noted_keeps_nothing_back() -> None:
    assert len(to_publish(given(GOOD, event("packing")), "rollback")) == 1


def told(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def test_a_job_without_errors_has_the_members_of_the_standard() -> None:
    assert told(job("c-1", SPAN, "rollback", given(GOOD))) == {
        "captureID": "c-1",
        "createdAt": "2026-03-02T08:00:00Z",
        "finishedAt": "2026-03-02T08:00:01Z",
        "running": False,
        "success": True,
        "captureErrorBehaviour": "rollback",
        "errors": [],
    }


def test_a_job_tells_each_error_by_its_event_and_its_place() -> None:
    done = told(job("c-1", SPAN, "proceed", given(GOOD, BAD, "x")))
    assert done["success"] is False
    assert [(each["type"], each["status"], each["instance"]) for each in done["errors"]] == [
        ("epcisException:ValidationException", 400, "urn:uuid:3"),
        ("epcisException:ValidationException", 400, "#/epcisBody/eventList/2"),
    ]
    assert done["errors"][0]["errors"][0]["pointer"] == "/epcisBody/eventList/1/action"


def test_a_job_tells_what_could_not_be_published() -> None:
    translations = given(GOOD, OTHER)
    done = told(job("c-1", SPAN, "rollback", translations, [(translations[1], AWAY)]))
    assert done["success"] is False
    assert [(each["type"], each["status"], each["instance"]) for each in done["errors"]] == [
        ("epcisException:ImplementationException", 503, "urn:uuid:2")
    ]


def test_a_job_notes_what_has_no_place() -> None:
    done = told(job("c-1", SPAN, "rollback", given(event("packing"))))
    assert done["success"] is True
    assert [note["pointer"] for note in done["lanewatch:notes"]] == ["/epcisBody/eventList/0/bizStep"]


@pytest.mark.parametrize(
    "fault, status, kind",
    [
        (read([]), 400, "ValidationException"),
        (not_json("x"), 400, "ValidationException"),
        (clock_not_taken(), 403, "SecurityException"),
        (Fault(title="No such job", status=404), 404, "NoSuchResourceException"),
        (negotiated({"gs1-epcis-version": "1.2"}), 406, "NotAcceptableException"),
        (too_large("x"), 413, "CaptureLimitExceededException"),
        (wrong_media_type("x"), 415, "UnsupportedMediaTypeException"),
        (Fault(title="It broke", status=500), 500, "ImplementationException"),
        (AWAY, 503, "ImplementationException"),
    ],
)
def test_an_error_has_the_name_that_the_standard_gives_it(fault: Any, status: int, kind: str) -> None:
    assert isinstance(fault, Fault)
    answer = told(problem(fault))
    assert (answer["type"], answer["status"], answer["title"]) == (f"epcisException:{kind}", status, fault.title)
    assert "instance" not in answer


def test_an_error_keeps_its_pointers_and_headers() -> None:
    fault = Fault(title="x", status=422, errors=(Flaw(pointer="/a", detail="b"), Flaw(header="c", detail="d")))
    assert told(problem(fault))["errors"] == [{"pointer": "/a", "detail": "b"}, {"header": "c", "detail": "d"}]


def test_a_document_has_no_more_events_than_may_be_captured() -> None:
    header: dict[str, Any] = {"epcisHeader": {"epcisMasterData": {}}}
    assert isinstance(translate(document(GOOD, OTHER, **header), most=2), list)
    fault = translate(document(GOOD, OTHER, BAD, **header), most=2)
    assert isinstance(fault, Fault)
    assert problem(fault).type == "epcisException:CaptureLimitExceededException"
    assert "this one 3" in fault.detail


def test_one_event_of_many_shipments_counts_as_many() -> None:
    named = [{"type": "bol", "bizTransaction": f"urn:example:{number}"} for number in range(3)]
    assert isinstance(translate(document(event(bizTransactionList=named)), most=2), Fault)
    assert isinstance(translate(document(event(bizTransactionList=named)), most=3), list)
