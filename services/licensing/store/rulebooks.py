"""Reads rulebooks: each is compiled once in a process, however many batches ask it."""

from collections import OrderedDict
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.domain.monitoring.compiling import recompiled
from services.licensing.domain.monitoring.rulebooks import RolledOut
from services.licensing.domain.monitoring.translated import Compiled
from services.licensing.store.sql import fetch
from shared.events import PolicyRolledOut

KEPT = 64
_compiled: OrderedDict[bytes, Compiled] = OrderedDict()
"""By the digest of a rulebook's terms."""
_RULEBOOKS = """
    SELECT rulebook_id, ordinal, at, caused_by, digest, CASE WHEN digest = ANY(:known) THEN NULL ELSE terms END AS terms
    FROM licensing.rulebook ORDER BY ordinal
"""


async def rulebooks(c: AsyncConnection) -> dict[str, RolledOut]:
    """Return all that were rolled out, by version."""
    # Whoever reads at the same time may let go of some.
    known = dict(_compiled)
    rows = await fetch(c, _RULEBOOKS, known=list(known))
    found = {
        each["rulebook_id"]: RolledOut(each["ordinal"], each["at"], each["caused_by"], _of(each, known))
        for each in rows
    }
    while len(_compiled) > max(KEPT, len(found)):
        _compiled.popitem(last=False)
    return found


def _of(row: Any, known: dict[bytes, Compiled]) -> Compiled:
    digest, terms = row["digest"], row["terms"]
    if digest not in _compiled:
        _compiled[digest] = known[digest] if terms is None else recompiled(_read(terms))
    _compiled.move_to_end(digest)
    return _compiled[digest]


def _read(terms: str) -> PolicyRolledOut:
    return msgspec.json.decode(terms, type=PolicyRolledOut)
