"""What policies and findings answer: the shapes for the OpenAPI document, and the making of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from services.licensing.api.answers import Answer
from services.licensing.domain.monitoring.comparing import Comparison
from services.licensing.domain.monitoring.rulebooks import RolledOut
from services.licensing.domain.monitoring.translated import Compiled
from shared.events import PolicyRolledOut, RuleEffect, Severity


class RuleTerms(Answer):
    """A rule as an operator writes it: a condition in CEL, what follows where it is true, and what it says then."""

    id: str
    when: str
    effect: RuleEffect
    severity: Severity = "warning"
    says: str
    remedy: str = ""
    why: str = ""


class RulebookTerms(Answer):
    """A rulebook as an operator writes it; `policy_id` is `monitoring`."""

    policy_id: Literal["monitoring"] = "monitoring"
    version: str
    title: str
    effective_from: datetime
    rules: list[RuleTerms]


class RulebookHead(Answer):
    """A rulebook that was rolled out; `is_in_force`: what is declared now is judged by it."""

    version: str
    title: str
    effective_from: datetime
    rolled_out_at: datetime
    by: str
    reason: str
    caused_by: str
    rules: int
    is_in_force: bool


class RuleAnswer(RuleTerms):
    """A rule as it was written, and what it takes: steps at most on one shipment, the facts, what leads to it."""

    severity: Severity
    remedy: str
    why: str
    steps: int
    uses: list[str]
    found_by: str | None
    """The fact whose value leads to the rule; null: it is asked of every shipment."""


class RulebookShown(Answer):
    """A rulebook with its rules."""

    version: str
    title: str
    effective_from: datetime
    rolled_out_at: datetime
    by: str
    reason: str
    caused_by: str
    is_in_force: bool
    rules: list[RuleAnswer]


class RulebookPage(Answer):
    """All rulebooks, the latest to begin first."""

    items: list[RulebookHead]
    next: None


class RulebookChecked(Answer):
    """A rulebook that can be rolled out, unless its version is there already."""

    version: str
    is_version_free: bool
    steps: int
    rules: list[RuleAnswer]


class RuleDifference(Answer):
    """A field that changes."""

    field: str
    old: str
    new: str


class RuleChanged(Answer):
    """A rule that both rulebooks have, and what of it changes."""

    id: str
    differences: list[RuleDifference]


class RulebookDiff(Answer):
    """What a rulebook adds to another, takes from it and changes; `against` is null where there is no other."""

    version: str
    against: str | None
    added: list[RuleTerms]
    removed: list[RuleTerms]
    changed: list[RuleChanged]
    unchanged: int


class FindingAnswer(Answer):
    """What a monitoring rule said of a shipment when it was decided; or, `has_failed`, how it failed."""

    decision_id: str
    shipment_id: str
    rule_id: str
    rulebook: str
    has_failed: bool
    effect: RuleEffect
    severity: Severity
    lines: list[int]
    says: str
    at: datetime


class FindingPage(Answer):
    """Findings, the latest first; `next` is the cursor of the next page."""

    items: list[FindingAnswer]
    next: str | None


def head(rulebook: RolledOut, in_force: RolledOut | None) -> dict[str, Any]:
    """Return a rulebook without its rules."""
    said = rulebook.compiled.rulebook
    by, reason = (said.by, said.reason) if isinstance(said, PolicyRolledOut) else ("", "")
    return {
        "version": said.version,
        "title": said.title,
        "effective_from": said.effective_from,
        "rolled_out_at": rulebook.at,
        "by": by,
        "reason": reason,
        "caused_by": rulebook.caused_by,
        "rules": len(said.rules),
        "is_in_force": rulebook is in_force,
    }


def shown(rulebook: RolledOut, in_force: RolledOut | None) -> dict[str, Any]:
    """Return a rulebook with its rules."""
    return {**head(rulebook, in_force), "rules": rules(rulebook.compiled)}


def checked(compiled: Compiled, known: Mapping[str, RolledOut]) -> dict[str, Any]:
    """Return what a candidate takes."""
    version = compiled.rulebook.version
    steps = sum(rule.cost for rule in compiled.rules)
    return {"version": version, "is_version_free": version not in known, "steps": steps, "rules": rules(compiled)}


def rules(compiled: Compiled) -> list[dict[str, Any]]:
    """Return the rules as they were written, each with what it takes."""
    return [
        {
            **msgspec.structs.asdict(rule.rule),
            "steps": rule.cost,
            "uses": sorted(rule.uses),
            "found_by": rule.key[0] if rule.key else None,
        }
        for rule in compiled.rules
    ]


def diff(version: str, against: str | None, found: Comparison) -> dict[str, Any]:
    """Return a comparison."""
    return {
        "version": version,
        "against": against,
        "added": [msgspec.structs.asdict(rule) for rule in found.added],
        "removed": [msgspec.structs.asdict(rule) for rule in found.removed],
        "changed": [
            {"id": rule.id, "differences": [each._asdict() for each in rule.differences]} for rule in found.changed
        ],
        "unchanged": found.unchanged,
    }
