"""Rulebooks and cases for tests of monitoring rules."""

from typing import Any

import msgspec

from services.licensing.domain.monitoring.compiling import compile_rulebook
from services.licensing.domain.monitoring.evaluating import Finding, findings
from services.licensing.domain.monitoring.facts import ShipmentFacts
from services.licensing.domain.policy import Policy, read_policy
from services.licensing.domain.rules.verdict import Case
from services.licensing.domain.whole import WholeBook
from services.licensing.settings import LicensingSettings
from shared.cloudevents import read_trade_event
from shared.events import Rulebook
from tests.support import trade

EFFECTIVE = "2025-01-01T00:00:00Z"


def policy() -> Policy:
    return read_policy(LicensingSettings.model_fields["licensing_policy"].default.read_bytes())


def rule(when: str, id: str = "r", **over: Any) -> dict[str, Any]:
    return {"id": id, "when": when, "effect": "note", "says": "it spoke", **over}


def document(*rules: dict[str, Any] | str, version: str = "v1", **over: Any) -> dict[str, Any]:
    made = [rule(each, f"r{n}") if isinstance(each, str) else each for n, each in enumerate(rules)]
    return {"version": version, "title": "For tests", "effective_from": EFFECTIVE, "rules": made, **over}


def rulebook(*rules: dict[str, Any] | str, **over: Any) -> Rulebook:
    return msgspec.convert(document(*rules, **over), Rulebook)


def case(*events: bytes, shipment: bytes | None = None, **over: Any) -> Case:
    """Return a declaration to be judged on the books that events make."""
    book = WholeBook(policy())
    for body in events:
        assert book.apply(read_trade_event(body)).status == "decided"
    event = read_trade_event(shipment or trade.declared("S-1", **over))
    return Case(event.data, event.time, book)  # type: ignore[arg-type]


def asked(when: str, judged: Case | None = None) -> list[Finding]:
    """Return what one rule says."""
    return findings(compile_rulebook(rulebook(when)), ShipmentFacts(judged or case()))
