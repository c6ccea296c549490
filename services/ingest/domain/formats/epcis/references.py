"""Which of our shipments an EPCIS event is about.

The most particular name wins: one that says it is ours; else a GS1 shipment number; else a despatch advice, which a
consignor writes for each shipment; else a bill of lading, which a carrier may write for several. Orders and invoices
are no names of shipments: one order is filled by many.
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from services.ingest.domain.formats.epcis.places import shipment_number
from services.ingest.domain.formats.epcis.vocabulary import OWN, Names, members
from services.ingest.domain.formats.values import is_text
from shared.faults import pointer_to

OURS = f"{OWN}shipment:"
RANKS = ("ours", "gsin", "desadv", "bol")
"""From the most particular kind of name to the least."""


class Reference(NamedTuple):
    """The name of a shipment, and where it stands."""

    shipment_id: str
    rank: str
    pointer: str


def shipments(event: dict[str, object], names: Names, place: str) -> list[Reference]:
    """Return the shipments that an event names by the most particular kind of name it has, each once."""
    found = [*_transactions(event, names, place), *_objects(event, place)]
    for rank in RANKS:
        first: dict[str, Reference] = {}
        for each in found:
            if each.rank == rank:
                first.setdefault(each.shipment_id, each)
        if first:
            return list(first.values())
    return []


def _transactions(event: dict[str, object], names: Names, place: str) -> Iterator[Reference]:
    for item, where in members(event, "bizTransactionList", place):
        uri, kind = item.get("bizTransaction"), item.get("type")
        if is_text(uri):
            word = names.word("transaction", kind) if is_text(kind) else ""
            if reference := _reference(names.full(uri), word, f"{where}/bizTransaction"):
                yield reference


def _objects(event: dict[str, object], place: str) -> Iterator[Reference]:
    """Yield shipments that are among the objects themselves: EPCIS treats a shipment number as one."""
    parent, objects = event.get("parentID"), event.get("epcList")
    for index, uri in enumerate(objects if isinstance(objects, list) else ()):
        if is_text(uri) and (number := shipment_number(uri)):
            yield Reference(number, "gsin", place + pointer_to("epcList", index))
    if is_text(parent) and (number := shipment_number(parent)):
        yield Reference(number, "gsin", f"{place}/parentID")


def _reference(uri: str, word: str, pointer: str) -> Reference | None:
    if uri.startswith(OURS):
        return Reference(unquote(uri.removeprefix(OURS)), "ours", pointer)
    if number := shipment_number(uri):
        return Reference(number, "gsin", pointer)
    return Reference(uri, word, pointer) if word in RANKS else None
