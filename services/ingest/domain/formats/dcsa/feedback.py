"""What DCSA Track & Trace 3.0 answers to `POST /events`: feedback elements with the JSONPath of what they are about."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.foreign import Translation

API_VERSION = "3.0.0"
MAX_MESSAGE, MAX_PATH = 5000, 1000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

Severity = Literal["INFO", "WARN", "ERROR"]


class FeedbackElement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One piece of feedback."""

    severity: Severity
    message: str
    property_path: str | None = None


class Feedback(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of every answer."""

    feedback_elements: tuple[FeedbackElement, ...]


def of_fault(fault: Fault) -> Feedback:
    """Return the feedback of a request that was refused as a whole."""
    return Feedback(feedback_elements=tuple(_of(fault, "")))


def feedback(given: Sequence[Translation], refused: Sequence[tuple[Translation, Fault]]) -> Feedback:
    """Return the feedback of a message: errors, what made no milestone (WARN), what was left out of one (INFO)."""
    elements: list[FeedbackElement] = []
    for translation in given:
        if translation.fault:
            elements += _of(translation.fault, translation.pointer)
        severity: Severity = "INFO" if translation.events else "WARN"
        elements += [_element(severity, flaw.detail, flaw.pointer or "") for flaw in translation.unmapped]
    for translation, fault in refused:
        elements += _of(fault, translation.pointer)
    return Feedback(feedback_elements=tuple(elements))


def json_path(pointer: str) -> str:
    """Return a JSON Pointer (RFC 6901) as a JSONPath."""
    steps = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    return "$" + "".join(_step(step) for step in steps)


def _step(step: str) -> str:
    if step.isascii() and step.isdigit():
        return f"[{step}]"
    if _NAME.fullmatch(step):
        return f".{step}"
    escaped = step.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{escaped}']"


def _of(fault: Fault, pointer: str) -> Iterator[FeedbackElement]:
    flaws = fault.errors or (Flaw(pointer=pointer, detail=fault.detail or fault.title),)
    for flaw in flaws:
        said = f"{fault.title}: {flaw.detail}" if flaw.header is None else f"{flaw.header}: {flaw.detail}"
        yield _element("ERROR", said, flaw.pointer if flaw.pointer is not None else pointer)


def _element(severity: Severity, message: str, pointer: str) -> FeedbackElement:
    path = json_path(pointer) if pointer else None
    if path is not None and len(path) > MAX_PATH:
        path = None
    return FeedbackElement(severity=severity, message=message[:MAX_MESSAGE], property_path=path)
