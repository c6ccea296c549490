"""What of a request's head matters here, found in one pass over its headers."""

from dataclasses import dataclass, field

from services.ingest.domain.attributes import Headers
from services.ingest.domain.media import PREFIX

_PREFIX = PREFIX.encode()


@dataclass(slots=True)
class Head:
    """The headers of a request by what they are for; values as they came, in order."""

    raw: Headers
    content_types: list[str] = field(default_factory=list)
    lengths: list[str] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)
    wishes: list[str] = field(default_factory=list)
    has_attributes: bool = False
    waits_for_consent: bool = False
    """Whether the client sends the body only when told to go on (RFC 9110, section 10.1.1)."""


def read_head(raw: Headers) -> Head:
    """Sort the headers; their names are in lower case, as ASGI has them."""
    head = Head(raw)
    lists = {
        b"content-type": head.content_types,
        b"content-length": head.lengths,
        b"content-encoding": head.encodings,
        b"prefer": head.wishes,
    }
    for name, value in raw:
        if name in lists:
            lists[name].append(value.decode("latin-1"))
        elif name.startswith(_PREFIX):
            head.has_attributes = True
        elif name == b"expect":
            head.waits_for_consent = True
    return head
