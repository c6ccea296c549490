"""The attributes of an event beside its data: from headers in binary mode, and the rules for extensions."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

import msgspec

from services.ingest.domain.faults import Fault, Flaw, bad_header, not_in_contract
from services.ingest.domain.json_text import Fraction
from services.ingest.domain.media import PREFIX
from shared.cloudevents import Event
from shared.faults import pointer_to

Headers = Iterable[tuple[bytes, bytes]]

INTEGERS = range(-(2**31), 2**31)
KNOWN = frozenset(field.name for field in msgspec.structs.fields(Event))

_NAME = re.compile(r"[a-z0-9]+", re.ASCII)
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_PRINTABLE = re.compile(rb"[\x20-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def from_headers(headers: Headers) -> dict[str, str] | Fault:
    """Return the attributes in `ce-` headers (HTTP binding 1.0.2, section 3.1.3), names in lower case."""
    attributes: dict[str, str] = {}
    for raw_name, raw_value in headers:
        header = raw_name.decode("latin-1").lower()
        if not header.startswith(PREFIX):
            continue
        name = header.removeprefix(PREFIX)
        if detail := _name_flaw(name) or ("the header stands twice" if name in attributes else None):
            return bad_header(header, detail)
        value = _decoded(raw_value)
        if value is None:
            return bad_header(
                header, "the value must be printable ASCII that percent-decodes to UTF-8 without controls"
            )
        attributes[name] = value
    return attributes


def _name_flaw(name: str) -> str | None:
    if name == "datacontenttype":
        return "in binary mode the content-type header says this"
    if name == "data":
        return "data is the body, not an attribute"
    return None if _NAME.fullmatch(name) else "an attribute's name is lower-case letters and digits"


def _decoded(value: bytes) -> str | None:
    """Undo quoting, then one round of percent-encoding (section 3.1.3.2); None when that gives no clean text."""
    if not _PRINTABLE.fullmatch(value):
        return None
    if quoted := _QUOTED.fullmatch(value):
        value = _ESCAPED.sub(rb"\1", quoted[1])
    try:
        text = unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def attribute_fault(envelope: dict[str, object]) -> Fault | None:
    """Return the fault of the first member that is no CloudEvents attribute (1.0.2, sections 3.1 and 3.2)."""
    for name, value in envelope.items():
        detail = _value_flaw(value) if name in KNOWN else _extension_name_flaw(name) or _value_flaw(value)
        if detail and name != "data":
            return not_in_contract(Flaw(pointer=pointer_to(name), detail=detail))
    return None


def _extension_name_flaw(name: str) -> str | None:
    if name == "data_base64":
        return "the data must be JSON, in `data`"
    return None if _NAME.fullmatch(name) else "an attribute's name is lower-case letters and digits"


def _value_flaw(value: object) -> str | None:
    if isinstance(value, str) and not isinstance(value, Fraction):
        return "an attribute holds no control characters" if _CONTROL.search(value) else None
    if isinstance(value, bool | None) or (isinstance(value, int) and value in INTEGERS):
        return None
    return "an attribute is a string, a boolean or a 32-bit integer"
