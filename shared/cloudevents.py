"""CloudEvents 1.0 in the JSON event format: reading with exact errors, writing in a fixed order.

Specification: CloudEvents 1.0.2, JSON Event Format 1.0.2 and the Partitioning extension.
"""

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import msgspec.inspect
from msgspec import Meta

from shared.errors import PermanentError
from shared.events import ALERT_TYPES, TRADE_TYPES, Moment, Text, TradeData

T = TypeVar("T")
JSON = "application/json"
EDGES = (MINYEAR, MAXYEAR)
# Python's `$` also matches before a last line feed; the lookahead does not let that pass.
Attribute = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Source = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x20\x7f]+$(?!\n)")]
"""A URI reference. It holds no blank, so source and id joined by one name one event and no other."""


class Event(msgspec.Struct, Generic[T], frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent with typed data. Here `time`, when it happened, is required; rules are applied by it."""

    specversion: Literal["1.0"]
    id: Attribute
    source: Source
    type: Attribute
    time: Moment
    subject: Annotated[str, Meta(max_length=256)] | None = None
    partitionkey: Annotated[str, Meta(max_length=256)] | None = None
    datacontenttype: str | None = None
    dataschema: Text | None = None
    sequence: str | None = None
    traceparent: str | None = None
    data: T

    @property
    def name(self) -> str:
        """Source and id joined by a blank: what identifies an event (CloudEvents 1.0, section 3.1)."""
        return f"{self.source} {self.id}"


class _Head(msgspec.Struct, frozen=True):
    type: Attribute


_ENCODER = msgspec.json.Encoder(decimal_format="string", order="sorted")
_HEAD = msgspec.json.Decoder(_Head)
_PLACE = re.compile(r" - at `(?:key in )?(\$[^`]*)`$")
_FIELD = re.compile(r"(?:missing required|contains unknown) field `(.+)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


@cache
def _decoder(data_type: Any) -> msgspec.json.Decoder[Event[Any]]:
    return msgspec.json.Decoder(Event[data_type])


def fault(error: Exception) -> PermanentError:
    """Return a decoder's complaint as a reason and the JSON Pointer (RFC 6901) of the field."""
    message = str(error)
    found = _PLACE.search(message)
    steps = [a or b for a, b in _STEP.findall(found[1])] if found else []
    reason = message[: found.start()] if found else message
    if field := _FIELD.search(reason):
        steps.append(field[1])
    pointer = "".join("/" + s.replace("~", "~0").replace("/", "~1") for s in steps)
    return PermanentError(reason, pointer=pointer)


def read_trade_event(body: bytes | msgspec.Raw) -> Event[TradeData]:
    """Return the typed event of a JSON body.

    Raises PermanentError with the field's pointer: not JSON, not a CloudEvent, an unknown type, or
    data that breaks its contract.
    """
    try:
        kind = _HEAD.decode(body).type
        if kind not in TRADE_TYPES:
            raise PermanentError(f"unknown event type '{kind}'", pointer="/type")
        event: Event[TradeData] = _decoder(TRADE_TYPES[kind]).decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise fault(error) from error
    if (event.datacontenttype or JSON).partition(";")[0].strip().lower() != JSON:
        raise PermanentError(f"datacontenttype must be {JSON}", pointer="/datacontenttype")
    _check_moments(event)
    return event


def _check_moments(event: Event[TradeData]) -> None:
    """Raise PermanentError for a time that has no place in UTC, such as year 1 east of Greenwich."""
    _check_moment(event.time, "/time")
    for name in _moments_of(type(event.data)):
        _check_moment(getattr(event.data, name), f"/data/{name}")


def _check_moment(moment: datetime | None, pointer: str) -> None:
    if moment is not None and moment.year in EDGES:
        try:
            moment.astimezone(UTC)
        except OverflowError as error:
            raise PermanentError("in UTC this is outside the years 1 to 9999", pointer=pointer) from error


@cache
def _moments_of(data_type: type[TradeData]) -> tuple[str, ...]:
    """Return the names of the fields that may hold a time."""
    return tuple(f.name for f in msgspec.structs.fields(data_type) if _may_be_moment(msgspec.inspect.type_info(f.type)))


def _may_be_moment(found: msgspec.inspect.Type) -> bool:
    if isinstance(found, msgspec.inspect.UnionType):
        return any(map(_may_be_moment, found.types))
    return isinstance(found, msgspec.inspect.DateTimeType)


def read_alert(body: bytes) -> Event[Any]:
    """Return the typed alert of a JSON body; raises PermanentError as `read_trade_event` does."""
    try:
        kind = _HEAD.decode(body).type
        if kind not in ALERT_TYPES:
            raise PermanentError(f"unknown alert type '{kind}'", pointer="/type")
        return _decoder(ALERT_TYPES[kind]).decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise fault(error) from error


def write(event: Event[Any]) -> bytes:
    """Return the event as JSON bytes; the same event gives the same bytes."""
    return _ENCODER.encode(event)


def encode_sorted(value: Any) -> bytes:
    """Return any contract value as JSON with sorted keys and decimals as strings."""
    return _ENCODER.encode(value)


def entity_key(event: Event[Any]) -> str:
    """Return the Kafka key: the kind and id of the thing whose life the event belongs to."""
    field = event.data.ENTITY
    if field == "entity":
        return str(event.data.entity)
    return f"{field.removesuffix('_id')}:{getattr(event.data, field)}"


def alert(kind: str, *, id: str, time: datetime, key: str, data: Any, sequence: int | None = None) -> Event[Any]:
    """Return an alert as licensing publishes it, keyed by its lane."""
    return Event(
        specversion="1.0",
        id=id,
        source="/lanewatch/licensing",
        type=kind,
        time=time,
        partitionkey=key,
        datacontenttype=JSON,
        sequence=None if sequence is None else str(sequence),
        data=data,
    )
