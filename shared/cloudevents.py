"""CloudEvents 1.0 in the JSON event format: reading with exact errors, writing in a fixed order.

Specification: CloudEvents 1.0.2, JSON Event Format 1.0.2 and the Partitioning extension.
"""

from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import cache
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from shared.errors import FieldError, PermanentError
from shared.events import LATEST_YEAR, OUT_TYPES, TRADE_TYPES, EventId, EventSource, Moment, Text, TradeData
from shared.faults import REFUSALS, Place, core_type, faults, perhaps, pointer_to, quoted, refusal, refused

T = TypeVar("T")
JSON = "application/json"


class Event(msgspec.Struct, Generic[T], frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent with typed data. Here `time`, when it happened, is required; rules are applied by it."""

    specversion: Literal["1.0"]
    id: EventId
    source: EventSource
    type: EventId
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
    type: EventId


_ENCODER = msgspec.json.Encoder(decimal_format="string", order="sorted")
_PLAIN = (None, JSON)
_HEAD = msgspec.json.Decoder(_Head)


@cache
def _decoder(data_type: Any) -> msgspec.json.Decoder[Event[Any]]:
    return msgspec.json.Decoder(_event_of(data_type))


def _event_of(data_type: Any) -> Any:
    return Event[data_type]


def read_trade_event(body: bytes | msgspec.Raw) -> Event[TradeData]:
    """Return the typed event of a JSON body.

    Raises PermanentError with the field's pointer: not JSON, not a CloudEvent, an unknown type, or
    data that breaks its contract.
    """
    event: Event[TradeData] = _read(body, TRADE_TYPES)
    if event.datacontenttype not in _PLAIN and not _is_json(event.datacontenttype):
        raise PermanentError(f"datacontenttype must be {JSON}", pointer="/datacontenttype")
    check_moments(event)
    return event


def _is_json(content_type: str | None) -> bool:
    return (content_type or JSON).partition(";")[0].strip().lower() == JSON


def read_alert(body: bytes) -> Event[Any]:
    """Return the typed alert, or pulse, of a JSON body; raises PermanentError as `read_trade_event` does."""
    return _read(body, OUT_TYPES)


def _read(body: bytes | msgspec.Raw, types: Mapping[str, Any]) -> Event[Any]:
    kind = None
    try:
        kind = _HEAD.decode(body).type
        if kind in types:
            event: Event[Any] = _decoder(types[kind]).decode(body)
            return event
    except REFUSALS as error:
        wanted = Event[Any] if kind is None else _event_of(types[kind])
        raise refused(body, wanted, error) from error
    # Nothing is known of its data, but its envelope may be at fault too.
    unknown = FieldError("/type", f"unknown event type {quoted(_ENCODER.encode(kind))}{perhaps(kind, types)}")
    raise refusal([unknown, *faults(body, Event[Any])])


def check_moments(event: Event[TradeData]) -> None:
    """Raise PermanentError for a time too far ahead, or that has no place in UTC, as in year 1 east of Greenwich."""
    outside: list[Place] = []
    if _is_outside(event.time):
        outside.append(("time",))
    data = event.data
    for field, names in _moments(type(data)):
        value = getattr(data, field)
        if names:
            for index, item in enumerate(value):
                outside += [("data", field, index, name) for name in names if _is_outside(getattr(item, name))]
        elif value is not None and _is_outside(value):
            outside.append(("data", field))
    if outside:
        raise refusal(FieldError(pointer_to(*place), "in UTC this is outside the years 1 to 9999") for place in outside)
    if event.time.year > LATEST_YEAR:
        raise PermanentError(f"must not be after the year {LATEST_YEAR}", pointer="/time")


@cache
def _moments(kind: type[msgspec.Struct]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the fields of a type that hold points in time; those of a list with the names in each item that do."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for field in msgspec.structs.fields(kind):
        core = core_type(field.type)
        item = core_type(get_args(core)[0]) if get_origin(core) is tuple else None
        if core is datetime:
            found.append((field.name, ()))
        elif isinstance(item, type) and issubclass(item, msgspec.Struct):
            found += [(field.name, names)] if (names := tuple(name for name, _ in _moments(item))) else []
    return tuple(found)


def _is_outside(moment: datetime) -> bool:
    """Return whether a time has no place in UTC."""
    if MINYEAR < moment.year < MAXYEAR:
        return False
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return True
    return False


def write(event: Event[Any]) -> bytes:
    """Return the event as JSON bytes; the same event gives the same bytes."""
    return _ENCODER.encode(event)


def encode_sorted(value: Any) -> bytes:
    """Return any contract value as JSON with sorted keys and decimals as strings."""
    return _ENCODER.encode(value)


def entity_key(event: Event[Any]) -> str:
    """Return the Kafka key: the kind and id of the thing whose life the event belongs to."""
    field = event.data.ENTITY
    return f"{_before_id(field)}{getattr(event.data, field)}"


@cache
def _before_id(field: str) -> str:
    """Return what stands in a key before the id that a field holds."""
    return "" if field == "entity" else f"{field.removesuffix('_id')}:"


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
