"""What the events of a thing say: of terms that came again, what changed; of a step, what it names.

An event that was taken back, or could not be used, changes nothing for those after it.
"""

from collections.abc import Sequence
from typing import Any

from services.licensing.api.facts import facts_of
from shared.cloudevents import read_trade_event
from shared.events import TRADE_TYPES, Declaration, LicenceTerms, QuotaOpened, RegimeTerms

TERMS = (LicenceTerms, Declaration, QuotaOpened, RegimeTerms)
"""Events that say in full what a thing is."""
TERMS_TYPES = tuple(kind for kind, data in TRADE_TYPES.items() if issubclass(data, TERMS))

Item = dict[str, Any]


def told(newest_first: Sequence[Item], before: Item | None) -> list[Item]:
    """Return events with their particulars in place of their bodies.

    `before` is what said last what the thing is, before all of them.
    """
    terms = _facts(before) if before else None
    found = []
    for item in reversed(newest_first):
        is_terms = item["type"] in TERMS_TYPES
        facts = _facts(item)
        shown = {name: value for name, value in item.items() if name not in ("event", "place")}
        found.append({**shown, "particulars": _particulars(facts, terms if is_terms else {})})
        if is_terms and item["status"] == "decided" and item["retracted_by"] is None:
            terms = facts
    return found[::-1]


def _particulars(facts: dict[str, str], before: dict[str, str] | None) -> list[Item]:
    """Return what is not as it was; nothing of what says for the first time what a thing is."""
    if before is None:
        return []
    return [
        {"field": field, "was": before.get(field), "value": facts.get(field)}
        for field in (*facts, *(field for field in before if field not in facts))
        if before.get(field) != facts.get(field)
    ]


def _facts(item: Item) -> dict[str, str]:
    return facts_of(read_trade_event(item["event"]).data)
