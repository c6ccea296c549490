"""Monitoring rules as data: what an operator rolls out, and from when on it speaks."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.events.shipments import Why
from shared.events.words import Id, In, Moment, Severity, Text, refuse_twins

RuleEffect = Literal["note", "hold", "deny"]
MOST_RULES = 1000
RuleId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9-]{0,63}$(?!\n)",
        description="a name of 1 to 64 small letters, digits and hyphens that begins with a letter",
    ),
]
Condition = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4000,
        pattern=r"^[^\x00]+$",
        description="a condition of 1 to 4,000 characters in CEL",
    ),
]
Sentence = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00]+$",
        description="a sentence of 1 to 1,000 characters",
    ),
]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One monitoring rule: where `when` is true of a shipment, or of one of its lines, it speaks."""

    id: RuleId
    when: Condition
    """In the Common Expression Language, over the facts that docs/monitoring/policies.md lists."""
    effect: RuleEffect
    severity: Severity = "warning"
    says: Sentence
    """For people; {line.net_mass_mg} and other facts in braces are filled in."""
    remedy: Text = ""
    """What would make a shipment pass."""
    why: Text = ""
    """Why there is this rule; for those who review it."""


class Rulebook(In, frozen=True, kw_only=True):
    """A version of the monitoring rules, in force from a time on until the next one is."""

    ENTITY = "policy_id"
    policy_id: Literal["monitoring"] = "monitoring"
    version: Id
    title: Text
    effective_from: Moment
    rules: Annotated[tuple[Rule, ...], Meta(max_length=MOST_RULES)]

    def __post_init__(self) -> None:
        """Raise UnfitError when a rule's id stands twice."""
        refuse_twins("rules", self.rules, "id")


class PolicyRolledOut(Rulebook, frozen=True, kw_only=True):
    """An operator put monitoring rules into force; declarations from `effective_from` on are judged by them."""

    TYPE = "trade.policy.rolled_out"
    by: Id
    """Who rolled it out."""
    reason: Why
