"""The capture interface of EPCIS 2.0 as far as it is pure: its headers, its jobs and its errors.

Source: the OpenAPI document of GS1's EPCIS 2.0 REST bindings. The header that says how to behave on errors is named
GS1-Capture-Error-Behaviour there; clients also send it as GS1-EPCIS-Capture-Error-Behaviour, and both are read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args
from urllib.parse import quote

import msgspec

from services.ingest.domain.faults import Fault, Flaw, bad_header
from services.ingest.domain.formats.epcis.vocabulary import OWN_EXTENSION
from services.ingest.domain.formats.foreign import Translation
from shared.cloudevents import Event

Behaviour = Literal["rollback", "proceed"]

VERSION = "2.0.0"
"""Of EPCIS and of the CBV: the one that is read and said to be spoken."""
_VERSION = re.compile(r"(\d{1,9})(\.\d{1,9}){0,3}", re.ASCII)
_BEHAVIOUR = ("gs1-capture-error-behaviour", "gs1-epcis-capture-error-behaviour")
_AT_MOST_THIS = ("gs1-epcis-min", "gs1-cbv-min")
_AT_LEAST_THIS = ("gs1-epcis-max", "gs1-cbv-max")
_THIS = ("gs1-epcis-version", "gs1-cbv-version")
_KINDS = {
    403: "epcisException:SecurityException",
    404: "epcisException:NoSuchResourceException",
    406: "epcisException:NotAcceptableException",
    413: "epcisException:CaptureLimitExceededException",
    415: "epcisException:UnsupportedMediaTypeException",
}
"""The standard's name of an error by its status; any other of the caller's is a ValidationException."""
_FRAGMENT = "/~:@!$&'()*+,;=?"
"""What may stand in the fragment of a URI as it is (RFC 6901, section 6)."""
_UNPROCESSABLE, _BAD_REQUEST, _SERVER_ERRORS = 422, 400, 500

SPOKEN = {
    "GS1-EPCIS-Version": VERSION,
    "GS1-CBV-Version": VERSION,
    "GS1-Extensions": f"lanewatch={OWN_EXTENSION}",
}
"""Headers of every answer."""


class EpcisProblem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as the standard has it (RFC 7807), with our pointers in addition."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str | None = None
    errors: tuple[Flaw, ...] = ()


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A capture job; it is done when it is told of, so it has always ended.

    `notes` are no part of the standard: what was said in the document that has no place in our events.
    """

    capture_id: str = msgspec.field(name="captureID")
    created_at: datetime
    finished_at: datetime
    running: Literal[False]
    success: bool
    capture_error_behaviour: Behaviour
    errors: tuple[EpcisProblem, ...]
    notes: tuple[Flaw, ...] = msgspec.field(name="lanewatch:notes", default=())


@dataclass(frozen=True)
class Span:
    """When a job began and ended, by the clock of who ran it."""

    created_at: datetime
    finished_at: datetime


def negotiated(headers: Mapping[str, str]) -> Behaviour | Fault:
    """Return what to do when an event of a document is refused, by the headers (names in lower case) of a request.

    A fault if they ask for versions that are not spoken (406), or say something that cannot be read (400).
    """
    for name in (*_THIS, *_AT_MOST_THIS, *_AT_LEAST_THIS):
        if (told := headers.get(name)) is not None and (fault := _version_fault(name, told)):
            return fault
    asked = {headers[name].strip().lower(): name for name in _BEHAVIOUR if name in headers}
    if len(asked) > 1:
        return bad_header(_BEHAVIOUR[1], f"says another thing than {_BEHAVIOUR[0]}")
    for word, name in asked.items():
        if word not in get_args(Behaviour):
            return bad_header(name, "must be rollback or proceed")
        return cast("Behaviour", word)
    return "rollback"


def discovery(most_events: int, most_bytes: int) -> dict[str, str]:
    """Return the headers of the answer (204) to OPTIONS, which tells what may be sent."""
    return {
        "Allow": "OPTIONS, POST",
        **SPOKEN,
        "GS1-EPCIS-Min": VERSION,
        "GS1-EPCIS-Max": VERSION,
        "GS1-CBV-Min": VERSION,
        "GS1-CBV-Max": VERSION,
        "GS1-EPCIS-Capture-Limit": str(most_events),
        "GS1-EPCIS-Capture-File-Size-Limit": str(most_bytes),
        "GS1-Capture-Error-Behaviour": "all",
    }


def to_publish(given: Sequence[Translation], behaviour: Behaviour) -> list[tuple[Translation, Event[Any]]]:
    """Return the events to publish, in order; with `rollback` none when an event of the document is refused."""
    if behaviour == "rollback" and any(translation.fault for translation in given):
        return []
    return [(translation, event) for translation in given for event in translation.events]


def job(
    capture_id: str,
    span: Span,
    behaviour: Behaviour,
    given: Sequence[Translation],
    unpublished: Sequence[tuple[Translation, Fault]] = (),
) -> Job:
    """Return the job that a capture was: what its translations gave, and the events that could not be published.

    What was published before another event failed stays: an event is in the log for good. Who sends the document again
    has each event counted once.
    """
    refused = [(translation, translation.fault) for translation in given if translation.fault]
    errors = [problem(fault, _instance(translation)) for translation, fault in (*refused, *unpublished)]
    return Job(
        capture_id=capture_id,
        created_at=span.created_at,
        finished_at=span.finished_at,
        running=False,
        success=not errors,
        capture_error_behaviour=behaviour,
        errors=tuple(errors),
        notes=tuple(note for translation in given for note in translation.unmapped),
    )


def problem(fault: Fault, instance: str | None = None) -> EpcisProblem:
    """Return a fault as the standard tells it: what cannot be read is status 400, and the type names the kind."""
    status = _BAD_REQUEST if fault.status == _UNPROCESSABLE else fault.status
    other = "ImplementationException" if status >= _SERVER_ERRORS else "ValidationException"
    return EpcisProblem(
        type=fault.type if fault.violated_policies else _KINDS.get(status, f"epcisException:{other}"),
        title=fault.title,
        status=status,
        detail=fault.detail,
        instance=instance,
        errors=fault.errors,
    )


def _instance(translation: Translation) -> str:
    """Return the URI of what went wrong: the event by its own id, else by its place in the document."""
    return translation.name or f"#{quote(translation.pointer, safe=_FRAGMENT)}"


def _version_fault(name: str, told: str) -> Fault | None:
    text = told.strip()
    if not _VERSION.fullmatch(text):
        return bad_header(name, "must be a version, e.g. 2.0.0")
    asked, ours = _numbers(text), _numbers(VERSION)
    if name in _THIS:
        is_met = asked[0] == ours[0]
    else:
        is_met = asked <= ours if name in _AT_MOST_THIS else asked >= ours[: len(asked)]
    detail = f"version {VERSION} is spoken here, {name} says {text}"
    flaw = Flaw(header=name, detail=detail)
    return None if is_met else Fault(title="That version is not spoken", status=406, detail=detail, errors=(flaw,))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
