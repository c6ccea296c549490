"""Reads a mapping when it is written, and tells all that is wrong with it, each with its pointer."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, get_args

import msgspec

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.sheet.mapping import (
    AnyMapping,
    CorrectionMapping,
    DeclarationMapping,
    MilestoneMapping,
)
from services.ingest.domain.formats.sheet.origins import ListOrigin, WholeOrigin
from services.ingest.domain.formats.sheet.parts import Leaf, Place, leaves
from services.ingest.domain.json_text import parse
from shared.cloudevents import Event
from shared.errors import FieldError
from shared.events import TRADE_TYPES
from shared.faults import MOST, REFUSALS, core_type, faults, perhaps, pointer_to, refused

TYPES: dict[str, type[AnyMapping]] = {
    kind: mapping
    for mapping in (DeclarationMapping, CorrectionMapping, MilestoneMapping)
    for field in msgspec.structs.fields(mapping)
    if field.name == "type"
    for kind in get_args(field.type)
}


class _Head(msgspec.Struct, frozen=True):
    type: str


def read_mapping(body: bytes) -> AnyMapping | Fault:
    """Return the mapping that a JSON text holds, or all that is wrong with it."""
    tree = parse(body)
    if isinstance(tree, Fault):
        return tree
    kind: type[AnyMapping] | None = None
    try:
        given = msgspec.json.decode(body, type=_Head).type
        kind = TYPES.get(given)
        if kind is None:
            return _at_fault([FieldError("/type", f"not one of {', '.join(TYPES)}{perhaps(given, TYPES)}")])
        mapping = msgspec.json.decode(body, type=kind)
    except REFUSALS as error:
        return _at_fault(refused(body, kind or _Head, error).faults)
    found = list(islice(_misfits(mapping), MOST))
    return _at_fault(found) if found else mapping


def _at_fault(found: Iterable[FieldError]) -> Fault:
    flaws = tuple(Flaw(pointer=fault.pointer, detail=fault.detail) for fault in found)
    return Fault(title="The mapping cannot be taken", status=422, errors=flaws)


def _misfits(mapping: AnyMapping) -> Iterator[FieldError]:
    """Yield where the mapping itself says what the contract does not take."""
    for leaf in leaves(mapping):
        wanted = _wanted(mapping.type, leaf.place)
        for place, text in _own_words(leaf):
            for fault in faults(_json(leaf, text), wanted):
                yield FieldError(pointer_to(*place), fault.detail)


def _own_words(leaf: Leaf) -> Iterator[tuple[Place, str]]:
    origin = leaf.origin
    for name in ("value", "default"):
        if (text := getattr(origin, name)) is not None:
            yield (*leaf.place, name), text
    for word, meant in origin.words.items():
        yield (*leaf.place, "words", word), meant


def _json(leaf: Leaf, text: str) -> bytes:
    """Return what an event would hold."""
    if isinstance(leaf.origin, WholeOrigin):
        return text.encode() if text.isascii() and text.isdigit() else msgspec.json.encode(text)
    if isinstance(leaf.origin, ListOrigin):
        separator = leaf.origin.separator
        return msgspec.json.encode([item.strip() for item in text.split(separator)] if separator else [text])
    return msgspec.json.encode(text)


def _wanted(kind: str, place: Place) -> Any:
    """Return the contract's type of what stands at a place of an event of a kind."""
    envelope: Any = Event
    found: Any = envelope[TRADE_TYPES[kind]]
    for step in place:
        if isinstance(step, int):
            continue
        core = core_type(found)
        # Of a list the type of its items is asked for next.
        core = core if get_args(core) == () or core is found else core_type(get_args(core)[0])
        found = next(field.type for field in msgspec.structs.fields(core) if field.name == step)
    return found
