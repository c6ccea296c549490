"""What of a request's head matters here, found in one pass over its headers."""

from services.ingest.domain.attributes import Headers
from services.ingest.domain.media import PREFIX

_PREFIX = PREFIX.encode()


class Head:
    """The headers of a request by what they are for; values as they came, in order."""

    __slots__ = ("content_types", "encodings", "has_attributes", "lengths", "raw", "waits_for_consent", "wishes")

    def __init__(self, raw: Headers) -> None:
        self.raw = raw
        self.content_types: list[str] = []
        self.lengths: list[str] = []
        self.encodings: list[str] = []
        self.wishes: list[str] = []
        self.has_attributes = False
        self.waits_for_consent = False
        """Whether the client sends the body only when told to go on (RFC 9110, section 10.1.1)."""


def read_head(raw: Headers) -> Head:
    """Sort the headers; their names are in lower case, as ASGI has them."""
    head = Head(raw)
    for name, value in raw:
        if name == b"content-type":
            head.content_types.append(value.decode("latin-1"))
        elif name == b"content-length":
            head.lengths.append(value.decode("latin-1"))
        elif name == b"content-encoding":
            head.encodings.append(value.decode("latin-1"))
        elif name == b"prefer":
            head.wishes.append(value.decode("latin-1"))
        elif name.startswith(_PREFIX):
            head.has_attributes = True
        elif name == b"expect":
            head.waits_for_consent = True
    return head
