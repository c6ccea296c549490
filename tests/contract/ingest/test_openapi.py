"""The ingest's OpenAPI document describes the hot route that FastAPI cannot see, with examples that hold."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.ingest.api import answers
from services.ingest.api.answers import ReceiptBody
from services.ingest.api.file_answers import JobBody
from services.ingest.domain.faults import Fault, clock_not_taken, not_json, too_large, wrong_media_type
from services.ingest.main import build
from services.ingest.settings import IngestSettings
from shared.events import TRADE_TYPES

DOCUMENT: Any = json.loads(json.dumps(build(IngestSettings()).openapi()))
POST = DOCUMENT["paths"]["/v1/events"]["post"]
RECEIPT = ReceiptBody(id="1", source="/s", topic="t", partition=0, offset=None, outcome="http://here/")
AWAY = Fault(title="Kafka is away", status=503)


def validator(schema: Any) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def references(value: Any) -> Iterator[str]:
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(member)
    if isinstance(value, dict) and isinstance(value.get("$ref"), str):
        yield value["$ref"]


def test_document_is_openapi_3_1_and_its_references_lead_somewhere() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    for reference in references(DOCUMENT):
        place = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
    json.dumps(DOCUMENT)


def test_all_routes_are_in_it() -> None:
    foreign = {
        "/v1/epcis/capture",
        "/v1/epcis/capture/{captureID}",
        "/v1/licence-usage",
        "/v1/dcsa/v3/events",
        "/v1/dcsa/v2/events",
    }
    sheets = {"/v1/mappings", "/v1/mappings/{name}", "/v1/uploads"}
    paths = {
        *foreign,
        *sheets,
        "/v1/files",
        "/v1/files/{file}",
        "/v1/callbacks/{sender}",
        "/v1/events",
        "/health/live",
        "/health/ready",
        "/health/startup",
        "/metrics",
    }
    assert set(DOCUMENT["paths"]) == paths


def test_every_event_type_has_an_example_that_holds() -> None:
    structured = POST["requestBody"]["content"]["application/cloudevents+json"]
    assert set(structured["examples"]) == set(TRADE_TYPES)
    for example in structured["examples"].values():
        validator(structured["schema"]).validate(example["value"])
    batch = POST["requestBody"]["content"]["application/cloudevents-batch+json"]
    validator(batch["schema"]).validate(batch["example"])


@pytest.mark.parametrize(
    "answer",
    [
        answers.single(RECEIPT),
        answers.single(not_json("what", "/a")),
        answers.single(clock_not_taken()),
        answers.single(AWAY),
        answers.problem(too_large("so much")),
        answers.problem(wrong_media_type("which")),
        answers.problem(answers.busy()),
        answers.batch([]),
        answers.batch([RECEIPT, RECEIPT]),
        answers.batch([RECEIPT, not_json("what").under("/1")]),
        answers.batch([RECEIPT, AWAY]),
        answers.batch([not_json("what").under("/0")]),
        answers.batch([not_json("what").under("/0"), AWAY]),
    ],
    ids=lambda answer: f"{answer.status}",
)
def test_answer_is_as_the_document_says(answer: answers.Answer) -> None:
    described = POST["responses"][str(int(answer.status))]
    assert isinstance(answer.body, bytes)
    validator(described["content"][answer.content_type]["schema"]).validate(msgspec.json.decode(answer.body))
    assert ("retry-after" in answer.headers) >= (answer.status == 503)


def test_a_quota_that_is_used_up_is_told_on_every_route_that_is_charged() -> None:
    charged = [
        operation
        for item in DOCUMENT["paths"].values()
        for operation in item.values()
        if "429" in operation["responses"]
    ]
    assert len(charged) == 17
    for operation in charged:
        spent = operation["responses"]["429"]
        assert set(spent["headers"]) == {"retry-after", "RateLimit-Policy", "RateLimit"}
        example = spent["content"]["application/problem+json"]["example"]
        assert msgspec.convert(example, Fault).violated_policies == ("requests",)
        for status, answer in operation["responses"].items():
            assert not status.startswith("2") or {"RateLimit-Policy", "RateLimit"} <= set(answer["headers"])


def test_the_example_of_a_job_holds() -> None:
    described = DOCUMENT["paths"]["/v1/files/{file}"]["get"]["responses"]["200"]["content"]["application/json"]
    validator(described["schema"]).validate(described["example"])
    assert msgspec.convert(described["example"], JobBody).refused == 1


@pytest.mark.parametrize(
    "outcomes, status",
    [
        ([], 202),
        ([RECEIPT], 202),
        ([RECEIPT, not_json("x")], 207),
        ([RECEIPT, AWAY], 207),
        ([not_json("x"), not_json("x")], 422),
        ([clock_not_taken()], 422),
        ([AWAY, not_json("x")], 503),
    ],
)
def test_status_of_a_batch_follows_from_its_items(outcomes: list[ReceiptBody | Fault], status: int) -> None:
    assert answers.batch(outcomes).status == status


def test_a_batch_with_something_to_send_again_says_when() -> None:
    assert "retry-after" in answers.batch([RECEIPT, AWAY]).headers
    assert "retry-after" not in answers.batch([RECEIPT, not_json("x")]).headers
