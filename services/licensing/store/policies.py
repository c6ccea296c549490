"""Rulebooks and findings as people ask for them, read from licensing's tables."""

from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.store.reads import Item, items

_FINDINGS = """
    SELECT decision_id, rule_id, has_failed, shipment_id, rulebook, effect, severity, lines, says, at
    FROM licensing.finding
"""
_ORDER = "at, decision_id, rule_id, has_failed"


async def findings(
    c: AsyncConnection,
    only: tuple[str | None, str | None, str | None, bool | None],
    limit: int,
    before: tuple[str, ...],
) -> list[Item]:
    """Return what monitoring rules said, the latest first.

    `before` is time, decision, rule and failure of the last one that was seen, as texts, or empty.
    """
    rule, shipment, rulebook, has_failed = only
    wanted = {"rule_id": rule, "shipment_id": shipment, "rulebook": rulebook, "has_failed": has_failed}
    asked = {name: value for name, value in wanted.items() if value is not None}
    conditions = [f"{name} = :{name}" for name in asked]
    if before:
        conditions.append(
            f"({_ORDER}) < (CAST(:b_at AS text)::timestamptz, :b_decision, :b_rule, CAST(:b_failed AS text)::boolean)"
        )
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    backwards = ", ".join(f"{name} DESC" for name in _ORDER.split(", "))
    places = dict(zip(("b_at", "b_decision", "b_rule", "b_failed"), before, strict=False))
    return await items(c, f"{_FINDINGS}{where} ORDER BY {backwards} LIMIT :n", n=limit, **asked, **places)
