"""Documents changed in a few places at random, and whether what is made of them keeps what an adapter promises."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.reading import Accepted, Limits, read_structured
from shared.cloudevents import write
from tests.support.mutated import NUMBERS, ODD_WORDS, OTHERS, TIMES, WORDS, at, places

LIMITS = Limits(event_bytes=10**9, batch_bytes=10**9, batch_items=1, is_clock_taken=False)


@st.composite
def changed(draw: st.DrawFn, folder: Path, words: tuple[str, ...]) -> bytes:
    """Draw one of a folder's documents, changed in up to four places; a part may also come to stand for another."""
    document = json.loads(draw(st.sampled_from(sorted(folder.glob("*.json")))).read_bytes())
    everywhere = places(document)
    parts = [at(document, place) for place in everywhere]
    values = st.sampled_from((*words, *WORDS, *ODD_WORDS, *TIMES, *NUMBERS, *OTHERS, "ab\x85c")) | st.sampled_from(
        parts
    )
    for _ in range(draw(st.integers(0, 4))):
        if not (left := places(document)):
            break
        *above, last = draw(st.sampled_from(left))
        parent = at(document, tuple(above))
        if draw(st.booleans()) or not isinstance(parent, dict):
            parent[last] = deepcopy(draw(values))
        elif draw(st.booleans()):
            del parent[last]
        else:
            parent[draw(st.sampled_from((*words, "x", "", "~/é", "\u202e")))] = deepcopy(draw(values))
        document = json.loads(json.dumps(document))
    return json.dumps(document).encode()


def check(given: list[Translation] | Fault, tree: Any) -> None:
    """Check that events keep the contract, no item has both events and a fault, and pointers lead somewhere."""
    if isinstance(given, Fault):
        assert given.errors
        return
    for translation in given:
        assert not (translation.fault and translation.events)
        assert translation.events or translation.fault or translation.unmapped or not translation.pointer
        for event in translation.events:
            assert isinstance(read_structured(write(event), LIMITS), Accepted)
        for flaw in (*translation.unmapped, *(translation.fault.errors if translation.fault else ())):
            _check_pointer(flaw, tree)


def _check_pointer(flaw: Flaw, tree: Any) -> None:
    """Check that a pointer leads into the document, or to a member that is missing, all above which is there."""
    assert flaw.pointer is not None
    steps = [step.replace("~1", "/").replace("~0", "~") for step in flaw.pointer.split("/")[1:]]
    for index, step in enumerate(steps):
        key: Any = int(step) if isinstance(tree, list) else step
        if isinstance(tree, dict) and step not in tree:
            assert index == len(steps) - 1, flaw
            return
        assert isinstance(tree, dict | list), flaw
        tree = tree[key]
