"""EPCIS documents for tests."""

import json
from typing import Any

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.epcis.document import translate
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.json_text import parse

DESPATCH = {"type": "desadv", "bizTransaction": "urn:epcglobal:cbv:bt:9521141000008:1152"}


def event(step: str | None = "departing", **over: Any) -> dict[str, Any]:
    """Return an event; a field that is None is left out."""
    told = {
        "type": "ObjectEvent",
        "eventID": "urn:uuid:1",
        "eventTime": "2026-03-01T20:33:31+08:00",
        "eventTimeZoneOffset": "+08:00",
        "action": "OBSERVE",
        "bizStep": step,
        "bizTransactionList": [DESPATCH],
        **over,
    }
    return {name: value for name, value in told.items() if value is not None}


def document(*events: Any, **over: Any) -> dict[str, Any]:
    told = {
        "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-02T08:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }
    return {**told, **over}


def read(tree: Any) -> list[Translation] | Fault:
    """Return what a tree gives that came as JSON."""
    return translate(parse(json.dumps(tree).encode()))


def one(told: dict[str, Any]) -> Translation:
    """Return what one event gives."""
    given = read(document(told))
    assert isinstance(given, list)
    (translation,) = given
    return translation
