"""Says what is wrong with JSON that a contract refuses: every field at fault, and why, for people.

Nothing here runs for what is in order. Each part of the text is put to the decoder of its own type,
so that the contract is written down once, in its types; their descriptions make the sentences.
"""

import difflib
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Raw, UnsetType

from shared.errors import FieldError, PermanentError, UnfitError

MOST = 20
"""So many faults of one body are told."""
MOST_QUOTED = 60
"""So many characters of a wrong value are shown."""
REFUSALS = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a decoder raises."""

NEAR = 0.8
"""From such a likeness on (by `difflib`) a name is taken for a mistyped one."""

_KINDS: dict[Any, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    Decimal: "a decimal number",
    datetime: "a point in time (RFC 3339), e.g. 2025-05-20T11:00:00+08:00",
    list: "a list",
    tuple: "a list",
}

Json = bytes | Raw
Place = tuple[str | int, ...]


class _Type(NamedTuple):
    """A type of the contract: what it is at its core, with which limits."""

    core: Any
    meta: Meta | None


def refused(text: Json, wanted: Any, error: Exception) -> PermanentError:
    """Return what to raise for a text that the decoder of a type refused with an error."""
    return refusal(list(islice(faults(text, wanted), MOST + 1)) or [FieldError("", str(error))])


def refusal(faults: Iterable[FieldError]) -> PermanentError:
    """Return what to raise for the faults of a body; of more than can be told it tells the first."""
    told = tuple(islice(faults, MOST + 1))
    more = "; and more" if len(told) > MOST else ""
    told = told[:MOST]
    if len(told) == 1:
        return PermanentError(told[0].detail, pointer=told[0].pointer)
    reason = "; ".join(f"{fault.pointer or 'the body'}: {fault.detail}" for fault in told)
    return PermanentError(reason + more, pointer=told[0].pointer, faults=told)


def faults(text: Json, wanted: Any, place: Place = ()) -> Iterator[FieldError]:
    """Yield the faults of a JSON text that shall be of a type; none when the type's decoder takes it."""
    error = _error(text, wanted)
    if error is None:
        return
    type_ = _type(wanted)
    is_sound = True
    for fault in _inside(text, type_, place):
        is_sound = False
        yield fault
    if is_sound:
        yield _own(error, text, wanted, type_, place)


def unknown(name: str, names: Iterable[str], place: Place) -> FieldError:
    """Return the fault of a field that there is not; a name that has no place in a pointer is only quoted."""
    if name.isprintable() and len(name) <= MOST_QUOTED:
        return FieldError(pointer_to(*place, name), f"unknown field{perhaps(name, names)}")
    return FieldError(pointer_to(*place), f"unknown field {quoted(msgspec.json.encode(name))}")


def perhaps(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that may have been meant, if one is near."""
    near = difflib.get_close_matches(name, names, 1, NEAR)
    return f"; perhaps {near[0]}" if near else ""


def quoted(text: Json) -> str:
    """Return a JSON text as it stands, cut, with what cannot be printed escaped."""
    shown = bytes(text)[: MOST_QUOTED * 4 + 4].decode("utf-8", "backslashreplace")
    cut = shown[:MOST_QUOTED] + ("…" if len(shown) > MOST_QUOTED else "")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def pointer_to(*steps: str | int) -> str:
    """Return the JSON Pointer (RFC 6901) of these steps."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def core_type(wanted: Any) -> Any:
    """Return a type without its limits, and without that it may be null or absent."""
    return _type(wanted).core


def _members(text: Json) -> dict[str, Raw] | None:
    """Return the members of a JSON object, each as it stands; None for anything else."""
    try:
        return msgspec.json.decode(text, type=dict[str, Raw])
    except REFUSALS:
        return None


def _items(text: Json) -> list[Raw] | None:
    """Return the items of a JSON list, each as it stands; None for anything else."""
    try:
        return msgspec.json.decode(text, type=list[Raw])
    except REFUSALS:
        return None


def _error(text: Json, wanted: Any) -> Exception | None:
    try:
        msgspec.json.decode(text, type=wanted)
    except REFUSALS as error:
        return error
    return None


def _type(wanted: Any) -> _Type:
    """Look through what stands around a type: that it may be null or absent, and its limits."""
    if get_origin(wanted) in (Union, UnionType):
        some = [each for each in get_args(wanted) if each not in (type(None), UnsetType)]
        return _type(some[0]) if len(some) == 1 else _Type(wanted, None)
    if get_origin(wanted) is Annotated:
        core, *limits = get_args(wanted)
        return _Type(core, next((each for each in limits if isinstance(each, Meta)), None))
    return _Type(wanted, None)


def _inside(text: Json, type_: _Type, place: Place) -> Iterator[FieldError]:
    """Yield the faults of the fields of an object, or of the items of a list."""
    kind = get_origin(type_.core) or type_.core
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _of_fields(text, type_.core, kind, place)
    elif kind in (list, tuple):
        items = _items(text) or []
        if not _length_fault(type_, len(items)):
            for index, item in enumerate(items):
                yield from faults(item, get_args(type_.core)[0], (*place, index))
    elif kind is dict:
        for name, member in (_members(text) or {}).items():
            is_told = name.isprintable() and len(name) <= MOST_QUOTED
            yield from faults(member, get_args(type_.core)[1], (*place, name) if is_told else place)


def _of_fields(text: Json, core: Any, kind: type[msgspec.Struct], place: Place) -> Iterator[FieldError]:
    given = _members(text)
    if given is None:
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(core)}
    if kind.__struct_config__.forbid_unknown_fields:
        absent = [name for name in fields if name not in given]
        yield from (unknown(name, absent, place) for name in given if name not in fields)
    for name, field in fields.items():
        if name in given:
            yield from faults(given[name], field.type, (*place, name))
        elif field.required:
            yield FieldError(pointer_to(*place, name), "missing")


def _own(error: Exception, text: Json, wanted: Any, type_: _Type, place: Place) -> FieldError:
    """Return the fault of a value all of whose parts, if it has any, are sound."""
    if type(error) is msgspec.DecodeError or isinstance(error, RecursionError):
        return FieldError(pointer_to(*place), f"not JSON: {error}")
    cause = error.__cause__
    if isinstance(cause, UnfitError):
        return FieldError(pointer_to(*place, *cause.place), f"{cause}{_shown(text, cause.place)}")
    if isinstance(cause, ValueError):
        return FieldError(pointer_to(*place), str(cause))
    return FieldError(pointer_to(*place), _sentence(text, wanted, type_))


def _shown(text: Json, place: Place) -> str:
    """Return the value at a place, to be read after what is wrong with it; nothing for an object or a list."""
    for step in place:
        parts = dict(enumerate(_items(text) or ())) if isinstance(step, int) else (_members(text) or {})
        if step not in parts:
            return ""
        text = parts[step]  # type: ignore[index] # the step is of the kind that leads on here
    return "" if bytes(text)[:1] in (b"[", b"{") else f": {quoted(text)}"


def _sentence(text: Json, wanted: Any, type_: _Type) -> str:
    items = _items(text) if (get_origin(type_.core) or type_.core) in (list, tuple) else None
    if items is not None and (fault := _length_fault(type_, len(items))):
        return fault
    if type_.core is datetime and _error(text, datetime) is None:
        return f"has no UTC offset, e.g. Z or +08:00: {quoted(text)}"
    return f"not {expected(wanted)}: {quoted(text)}"


def _length_fault(type_: _Type, length: int) -> str:
    least = (type_.meta and type_.meta.min_length) or 0
    most = type_.meta and type_.meta.max_length
    if length < least:
        return f"at least {least:,} item{'s' * (least != 1)}, got {length:,}"
    if most is not None and length > most:
        return f"at most {most:,} item{'s' * (most != 1)}, got {length:,}"
    return ""


def expected(wanted: Any) -> str:
    """Return what a type of the contract takes, to be read after `not`."""
    core, meta = _type(wanted)
    if meta is not None and meta.description:
        return meta.description
    kind = get_origin(core) or core
    if kind in (Union, UnionType):
        return " or ".join(expected(each) for each in get_args(core))
    if kind is dict:
        return f"an object, each value {expected(get_args(core)[1])}"
    if kind is Literal:
        return ("one of " if len(get_args(core)) > 1 else "") + ", ".join(map(str, get_args(core)))
    return _KINDS.get(kind, "an object") + _limits(meta)


def _limits(meta: Meta | None) -> str:
    """Say between what a number, or the number of characters of a text, must be."""
    if meta is None:
        return ""
    for least, most, of, unit in (
        (meta.ge, meta.le, "", ""),
        (meta.min_length, meta.max_length, " of", " characters"),
    ):
        if least is not None and most is not None:
            return f"{of or ' from'} {least:,} to {most:,}{unit}"
        if least is not None or most is not None:
            return f"{of} at {f'least {least:,}' if most is None else f'most {most:,}'}{unit}"
    return ""
