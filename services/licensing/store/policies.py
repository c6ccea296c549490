"""Findings as people ask for them, read from licensing's tables by indexes, however many there are."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.licensing.store.reads import Item, items

_FINDINGS = """
    SELECT decision_id, rule_id, has_failed, shipment_id, rulebook, effect, severity, lines, says, at
    FROM licensing.finding
"""
_PLACE = "at, decision_id, rule_id, has_failed"
_LATEST = "ORDER BY at DESC, decision_id DESC, rule_id DESC"


async def findings(
    c: AsyncConnection,
    only: tuple[str | None, str | None, str | None],
    failed: bool | None,
    limit: int,
    before: tuple[datetime, str, str, bool] | None,
) -> list[Item]:
    """Return what monitoring rules said, the latest first; `only` restricts rule, shipment and rulebook.

    `before` is time, decision, rule and failure of the last one that was seen.
    """
    wanted = zip(("rule_id", "shipment_id", "rulebook"), only, strict=True)
    asked = {name: value for name, value in wanted if value is not None}
    conditions = [f"{name} = :{name}" for name in asked]
    places = dict(zip(("at", "decision", "rule", "failed"), before or (), strict=False))
    if before:
        conditions.append(f"({_PLACE}) < (:at, :decision, :rule, :failed)")
    # One that failed and one that did not stand apart in every index: few of either are found among many others.
    parts = [
        f"({_FINDINGS} WHERE {' AND '.join((how, *conditions))} {_LATEST} LIMIT :n)"
        for is_failed, how in ((True, "has_failed"), (False, "NOT has_failed"))
        if failed in (None, is_failed)
    ]
    statement = f"{' UNION ALL '.join(parts)} {_LATEST}, has_failed DESC LIMIT :n" if len(parts) > 1 else parts[0]
    return await items(c, statement, n=limit, **asked, **places)
