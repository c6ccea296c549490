"""Reads an EPCIS 2.0 document, or a single event, into trade events."""

import re
from typing import NamedTuple

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.epcis.event import SOURCE, translate_event
from services.ingest.domain.formats.epcis.vocabulary import Names
from services.ingest.domain.formats.foreign import MOST, Translation, gathered
from services.ingest.domain.formats.values import is_text

_LISTS = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
_VERSION = re.compile(r"2(\.\d+)*", re.ASCII)
_HEADER = "master data has no place in the events; what goods and parties are is told in a declaration"


class _Found(NamedTuple):
    events: list[object]
    place: str
    """Where the first of them stands, less its index."""


def translate(tree: object, source: str = SOURCE, most: int = MOST) -> list[Translation] | Fault:
    """Return what each event of a document gives, in order; a fault for no EPCIS 2.0 document, or too much of one.

    `source` is the source of the events that are made. An event of EPCIS is named by its own id alone, so every
    document that speaks of one must come with the same source.
    """
    if not isinstance(tree, dict):
        return unfit("", "an EPCIS document is an object")
    names = Names(tree.get("@context"))
    kind = tree.get("type")
    kind = names.word("event", kind) if is_text(kind) else None
    if kind is None:
        return unfit("/type", "not a type: EPCISDocument, EPCISQueryDocument or the type of an event")
    if kind not in _LISTS:
        return gathered(1, [translate_event(tree, names, "", source)], most)
    found = _listed(tree, kind)
    if isinstance(found, Fault):
        return found
    given = gathered(
        len(found.events),
        (translate_event(event, names, f"{found.place}/{index}", source) for index, event in enumerate(found.events)),
        most,
    )
    return given if isinstance(given, Fault) else [*_beside(tree), *given]


def unfit(pointer: str, detail: str) -> Fault:
    """Return the fault of a document that cannot be read as EPCIS 2.0."""
    return Fault(title="The body is no EPCIS 2.0 document", status=422, errors=(Flaw(pointer=pointer, detail=detail),))


def _listed(tree: dict[str, object], kind: str) -> _Found | Fault:
    version = tree.get("schemaVersion")
    if kind == "EPCISDocument" and version is None:
        return unfit("/schemaVersion", "missing")
    # Some write it as a number, an example of GS1's own among them; one with a point is a text here.
    if version is not None and not (isinstance(version, str) and _VERSION.fullmatch(version)):
        return unfit("/schemaVersion", "EPCIS 2.0 is read, whose documents say 2.0 here")
    at: object = tree
    place = ""
    for step in _LISTS[kind]:
        if not isinstance(at, dict) or step not in at:
            return unfit(f"{place}/{step}", "missing")
        at, place = at[step], f"{place}/{step}"
    return _Found(at, place) if isinstance(at, list) else unfit(place, "not a list of events")


def _beside(tree: dict[str, object]) -> list[Translation]:
    """Return what a document says beside its events."""
    if not tree.get("epcisHeader"):
        return []
    return [Translation(pointer="/epcisHeader", unmapped=(Flaw(pointer="/epcisHeader", detail=_HEADER),))]
