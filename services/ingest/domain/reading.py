"""Reads a request into events to publish, each as the bytes that go to Kafka, or into exact faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import msgspec

from services.ingest.domain import quick
from services.ingest.domain.attributes import Headers, attribute_fault, from_headers
from services.ingest.domain.faults import Fault, Flaw, clock_not_taken, not_in_contract, too_large
from services.ingest.domain.json_text import parse
from services.ingest.domain.lines import BLANKS
from services.ingest.domain.media import BINARY_TYPE, PREFIX, Mode
from shared.cloudevents import Event, entity_key, read_trade_event
from shared.errors import PermanentError
from shared.events import ClockTicked, TradeData


class Accepted(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An event that keeps the contract: its name, its Kafka key, and its own JSON as it was sent."""

    source: str
    id: str
    key: str
    value: bytes


@dataclass(frozen=True)
class Limits:
    """How large a request may be, and whether it may move the clock."""

    event_bytes: int
    batch_bytes: int
    batch_items: int
    is_clock_taken: bool

    def body_bytes(self, mode: Mode) -> int:
        """Return how many bytes a body may have."""
        return self.batch_bytes if mode is Mode.BATCH else self.event_bytes


Item = Accepted | Fault

_BATCH = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT_END = b"}"


def read_structured(body: bytes, limits: Limits) -> Item:
    """Read one event in the JSON event format."""
    if len(body) <= limits.event_bytes and (event := quick.read_one(body)):
        return _accepted(event, body)
    return read_exactly(body, limits)


def read_lines(lines: Sequence[bytes | Fault], limits: Limits) -> list[Item | None]:
    """Read one event a line, none from a blank one; a fault in place of a line stays."""
    texts = [line for line in lines if isinstance(line, bytes)]
    if len(texts) == len(lines) and max(map(len, texts), default=0) <= limits.event_bytes:
        events = quick.read_lines(b"\n".join(texts), len(texts))
        if events is not None:
            return [_accepted(event, text.strip(BLANKS)) for event, text in zip(events, texts, strict=True)]
    return [line if isinstance(line, Fault) else _line(line.strip(BLANKS), limits) for line in lines]


def _line(text: bytes, limits: Limits) -> Item | None:
    return read_structured(text, limits) if text else None


def read_exactly(body: bytes, limits: Limits) -> Item:
    """Read one event the long way, which knows all that can be wrong and says what is."""
    tree = parse(body)
    return tree if isinstance(tree, Fault) else _accept(body, tree, limits)


def read_batch(body: bytes, limits: Limits) -> list[Item] | Fault:
    """Read a batch item by item, in order; pointers lead into the whole body."""
    try:
        raws = _BATCH.decode(body)
    except RecursionError:
        return _unreadable(body, "nested too deep")
    except (msgspec.DecodeError, ValueError) as error:
        return _unreadable(body, str(error))
    if len(raws) > limits.batch_items:
        return too_large(f"a batch holds at most {limits.batch_items} events, this one has {len(raws)}")
    items = (read_structured(bytes(raw), limits) for raw in raws)
    return [item.under(f"/{i}") if isinstance(item, Fault) else item for i, item in enumerate(items)]


def read_binary(headers: Headers, body: bytes, limits: Limits) -> Item:
    """Read one event whose attributes are in the headers and whose data is the body."""
    attributes = from_headers(headers)
    if isinstance(attributes, Fault):
        return attributes
    data = parse(body)
    if isinstance(data, Fault):
        return data
    envelope = {**attributes, "datacontenttype": BINARY_TYPE}
    # The data goes in as it was sent: decoding and encoding it again could change what it says.
    value = msgspec.json.encode(envelope).removesuffix(_OBJECT_END) + b',"data":' + body.strip() + _OBJECT_END
    item = _accept(value, {**envelope, "data": data}, limits)
    return _as_sent(item) if isinstance(item, Fault) else item


def _accept(value: bytes, tree: object, limits: Limits) -> Item:
    """Check an event against the contract."""
    try:
        event = read_trade_event(value)
    except PermanentError as error:
        return not_in_contract(*(Flaw(pointer=fault.pointer, detail=fault.detail) for fault in error.faults))
    # Asked after what it holds: that it has too many lines tells more than that it has too many bytes.
    if len(value) > limits.event_bytes:
        return too_large(f"an event has at most {limits.event_bytes} bytes, this one has {len(value)}")
    # What decodes to an event is an object.
    if fault := attribute_fault(cast("dict[str, object]", tree)):
        return fault
    if isinstance(event.data, ClockTicked) and not limits.is_clock_taken:
        return clock_not_taken()
    return _accepted(event, value)


def _accepted(event: Event[TradeData], value: bytes) -> Accepted:
    return Accepted(source=event.source, id=event.id, key=entity_key(event), value=value)


def _unreadable(body: bytes, reason: str) -> Fault:
    """Return what keeps a body from being a list, found the exact way where there is one."""
    tree = parse(body)
    if isinstance(tree, Fault):
        return tree
    return not_in_contract(Flaw(pointer="", detail=reason))


def _as_sent(fault: Fault) -> Fault:
    """Turn pointers into the composed event to where binary mode has the thing: a header, or the body."""
    return msgspec.structs.replace(fault, errors=tuple(map(_place_as_sent, fault.errors)))


def _place_as_sent(flaw: Flaw) -> Flaw:
    if flaw.pointer is None:
        return flaw
    first, _, rest = flaw.pointer.removeprefix("/").partition("/")
    if first == "data":
        return Flaw(pointer=f"/{rest}" if rest else "", detail=flaw.detail)
    header = "content-type" if first == "datacontenttype" else PREFIX + first
    return Flaw(header=header, detail=flaw.detail)
