"""Events as no one would think them up: the examples of the contract, changed in a few places at random."""

import json
from typing import Any

from hypothesis import strategies as st

from shared.events import TRADE_TYPES
from shared.examples import trade_event

Place = tuple[str | int, ...]

WORDS = ("", " ", "LIC-7", "LIC-8", "SHP-42", "SHP-43", "Q-2025-DY", "CN-2025-18", "EXP-3", "T2", "a:b%c", "é" * 128)
ODD_WORDS = ("\0", "a\n", "\u202e", "😀" * 128, "x" * 3000, "NaN", "-0", "1e5", "ZZ", "XXX")
TIMES = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:60Z",
    "2025-02-30T00:00:00Z",
    "2025-05-20T00:00:00Z",
    "2025-05-20T23:59:59.999999-11:59",
    "2025-07-01T00:00:00+08:00",
    "2025-12-31T23:59:59+08:00",
    "2026-01-01T00:00:00",
    "9000-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-08:00",
)
NUMBERS = (
    0,
    -1,
    1,
    100,
    10**18,
    10**30,
    10**400,
    1.5,
    "0.000001",
    "1e-30",
    "1e999999",
    "-1",
    "999999999",
    "1000000000",
    "33.3333",
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [None], {"a": 1}, [[[[]]]])
UNITS = ("TNE", "KGM", "MGM", "LBR")


def places(value: Any, start: Place = ()) -> list[Place]:
    """Return where the values of a JSON document stand, all but the root."""
    if isinstance(value, dict):
        below: list[tuple[str | int, Any]] = list(value.items())
    else:
        below = list(enumerate(value)) if isinstance(value, list) else []
    return [found for step, part in below for found in ((*start, step), *places(part, (*start, step)))]


def at(document: Any, place: Place) -> Any:
    for step in place:
        document = document[step]
    return document


PARTS = [
    at(event, place)
    for event in map(trade_event, TRADE_TYPES)
    for place in places(event["data"], ("data",))
    if isinstance(at(event, place), dict | list)
]
"""Whatever stands somewhere in an example, to stand somewhere else."""
FIELDS = sorted({place[-1] for e in map(trade_event, TRADE_TYPES) for place in places(e) if isinstance(place[-1], str)})

START = (
    "lanewatch.clock.ticked",
    "trade.quota.opened",
    "trade.licence.issued",
    "trade.regime.announced",
    "trade.shipment.declared",
    "trade.shipment.cleared",
)

anything = st.sampled_from((*WORDS, *ODD_WORDS, *TIMES, *NUMBERS, *OTHERS, *UNITS)) | st.sampled_from(PARTS)


def _alike(old: Any) -> st.SearchStrategy[Any]:
    """Return values that might stand where the old one does."""
    if isinstance(old, str) and old[:4].isdigit() and "T" in old:
        return st.sampled_from(TIMES)
    if isinstance(old, int) or (isinstance(old, str) and old.replace(".", "").isdigit()):
        return st.sampled_from(NUMBERS)
    if isinstance(old, str):
        return st.sampled_from((*WORDS, *UNITS))
    return st.sampled_from(PARTS)


@st.composite
def mutated(draw: st.DrawFn, number: int = 0) -> bytes:
    """Draw an event that may keep the contract or not."""
    event = _copy(trade_event(draw(st.sampled_from(sorted(TRADE_TYPES)))))
    event["id"] = draw(st.sampled_from((f"m-{number}", f"m-{number}", event["id"])))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from([p for p in places(event) if p[0] not in ("id", "source", "type")]))
        _change(draw, at(event, place[:-1]), place[-1])
        event = _copy(event)
    return json.dumps(event).encode()


def _change(draw: st.DrawFn, parent: Any, last: str | int) -> None:
    kind = draw(st.sampled_from(("alike", "alike", "alike", "anything", "gone", "more")))
    if kind == "alike":
        parent[last] = draw(_alike(parent[last]))
    elif kind == "anything":
        parent[last] = draw(anything)
    elif kind == "gone":
        del parent[last]
    elif isinstance(parent, list):
        parent.append(parent[0])
    else:
        parent[draw(st.sampled_from((*FIELDS, "\0", "x" * 3000)))] = draw(anything)


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


@st.composite
def mutated_log(draw: st.DrawFn, most: int = 12) -> list[bytes]:
    """Draw a log of events, most of them about the same few things, which may be there from the start."""
    start = [json.dumps(trade_event(kind)).encode() for kind in START[: draw(st.integers(0, len(START)))]]
    return [*start, *(draw(mutated(number)) for number in range(draw(st.integers(1, most))))]
