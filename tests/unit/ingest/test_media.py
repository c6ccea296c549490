"""The content type alone says how events stand in a request."""

import pytest

from services.ingest.domain.faults import Fault
from services.ingest.domain.media import Mode, mode_of


@pytest.mark.parametrize(
    "content_type, has_attributes, mode",
    [
        ("application/cloudevents+json", False, Mode.STRUCTURED),
        ("application/cloudevents+json", True, Mode.STRUCTURED),
        ("Application/CloudEvents+JSON; charset=UTF-8", False, Mode.STRUCTURED),
        ('application/cloudevents-batch+json;charset="utf-8"', False, Mode.BATCH),
        ("application/json", True, Mode.BINARY),
        ("application/json ; charset=utf-8;", True, Mode.BINARY),
    ],
)
def test_content_type_gives_the_mode(content_type: str, mode: Mode, *, has_attributes: bool) -> None:
    assert mode_of([content_type], has_attributes=has_attributes) is mode


def test_a_binary_event_that_says_nothing_of_its_data_is_json() -> None:
    assert mode_of([], has_attributes=True) is Mode.BINARY


@pytest.mark.parametrize(
    "content_types, has_attributes",
    [
        ([], False),
        ([""], True),
        (["application/json"], False),
        (["text/plain"], True),
        (["application/cloudevents+avro"], True),
        (["application/cloudevents"], True),
        (["application/cloudevents+json; charset=utf-16"], False),
        (["application/cloudevents+json, application/json"], False),
        (["application/cloudevents+json", "application/json"], True),
        (["application/cloudevents-batch+xml"], False),
    ],
)
def test_other_content_types_are_not_taken(content_types: list[str], *, has_attributes: bool) -> None:
    fault = mode_of(content_types, has_attributes=has_attributes)
    assert isinstance(fault, Fault)
    assert fault.status == 415
    assert fault.errors[0].header == "content-type"
