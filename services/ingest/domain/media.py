"""Which content mode of the CloudEvents HTTP binding 1.0.2 (section 1.3) a request is in, or a stream of lines."""

from enum import Enum
from functools import lru_cache

from services.ingest.domain.faults import Fault, wrong_media_type

STRUCTURED_TYPE = "application/cloudevents+json"
BATCH_TYPE = "application/cloudevents-batch+json"
BINARY_TYPE = "application/json"
LINES_TYPE = "application/x-ndjson"
_ALSO_LINES = ("application/ndjson", "application/jsonl", "application/jsonlines")
PREFIX = "ce-"


class Mode(Enum):
    """How events stand in a request."""

    STRUCTURED = STRUCTURED_TYPE
    BATCH = BATCH_TYPE
    BINARY = BINARY_TYPE
    LINES = LINES_TYPE


def mode_of(content_types: list[str], *, has_attributes: bool) -> Mode | Fault:
    """Return the mode that the content type says; JSON is a binary event only beside `ce-` headers."""
    if not content_types and has_attributes:
        return (
            Mode.BINARY
        )  # JSON is meant when nothing else is said (CloudEvents 1.0.2, section 3.1.2, datacontenttype).
    if len(content_types) != 1:
        return wrong_media_type("exactly one content-type header is needed")
    return _mode(content_types[0], has_attributes=has_attributes)


@lru_cache(256)
def _mode(content_type: str, *, has_attributes: bool) -> Mode | Fault:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') != "utf-8":
            return wrong_media_type(f"JSON is UTF-8, not {value.strip()}")
    if media_type in _ALSO_LINES:
        return Mode.LINES
    if media_type not in {mode.value for mode in Mode}:
        return wrong_media_type(
            f"send {STRUCTURED_TYPE}, {BATCH_TYPE}, {LINES_TYPE}, or {BINARY_TYPE} with {PREFIX} headers"
        )
    mode = Mode(media_type)
    if mode is Mode.BINARY and not has_attributes:
        return wrong_media_type(
            f"{BINARY_TYPE} is an event only with its attributes in {PREFIX} headers; "
            f"a whole event in the body is {STRUCTURED_TYPE}"
        )
    return mode
