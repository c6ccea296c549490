"""Reads rulebooks: each is compiled once in a process, however many batches ask it."""

from collections import OrderedDict

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
    rows = await fetch(c, _RULEBOOKS, known=list(_compiled))
    found = {
        row["rulebook_id"]: RolledOut(row["ordinal"], row["at"], row["caused_by"], _of(row["digest"], row["terms"]))
        for row in rows
    }
    while len(_compiled) > max(KEPT, len(found)):
        _compiled.popitem(last=False)
    return found


def _of(digest: bytes, terms: str | None) -> Compiled:
    if terms is not None:
        _compiled[digest] = recompiled(msgspec.json.decode(terms, type=PolicyRolledOut))
    _compiled.move_to_end(digest)
    return _compiled[digest]
