"""Names of the events that are made of an EPCIS event: the same message gives the same names each time it is sent."""

import hashlib

import msgspec

from services.ingest.domain.formats.epcis.vocabulary import Kind, Names
from services.ingest.domain.formats.values import is_text, moment
from services.ingest.domain.json_text import Fraction

_NOT_OF_THE_EVENT = frozenset({"eventID", "recordTime", "errorDeclaration", "@context"})
"""An error declaration comes with an event that is otherwise the same, and must lead to the same name."""
_WORDS: dict[str, Kind] = {"type": "event", "bizStep": "step", "disposition": "disposition"}
_MOST = 256
"""Characters of an event's id."""


def event_id(event: dict[str, object], names: Names) -> str:
    """Return an event's own id; where it has none, one made of its content.

    Two ways of writing the same thing give the same id: the order of members and of lists, the offset in which
    a time is told, words as URIs. This is not the event hash of the CBV (ni:///sha-256;…?ver=CBV2.0), and so it does
    not look like one.
    """
    own = event.get("eventID")
    if is_text(own):
        return own
    told = {
        names.full(key): _canonical(value, names, key) for key, value in event.items() if key not in _NOT_OF_THE_EVENT
    }
    return f"urn:lanewatch:epcis-event:sha-256:{hashlib.sha256(_text(told)).hexdigest()}"


def part_of(event_id: str, part: str) -> str:
    """Return the id of one of several events that are made of the same one, no longer than an id may be."""
    name = f"{event_id}#{part}"
    return name if len(name) <= _MOST else f"urn:lanewatch:sha-256:{hashlib.sha256(name.encode()).hexdigest()}"


def _canonical(value: object, names: Names, key: str = "") -> object:
    if isinstance(value, dict):
        return {names.full(name): _canonical(member, names, name) for name, member in value.items()}
    if isinstance(value, list):
        return sorted((_canonical(item, names) for item in value), key=_text)
    if isinstance(value, Fraction):
        return ["number", str(value)]
    if isinstance(value, str):
        return _word(value, names, key)
    if isinstance(value, int) and not isinstance(value, bool):
        return ["number", f"{value:x}"]  # In hexadecimal there is no limit to its length.
    return value


def _text(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _word(value: str, names: Names, key: str) -> str:
    if key in _WORDS:
        return names.word(_WORDS[key], value)
    if key.endswith("Time") and (at := moment(value)):
        return at.isoformat()
    return value
