"""What came of it all: counts, states and checks as the services tell them, and what differs from run to run."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lanewatch.demo.cells import DAY
from lanewatch.demo.client import Client
from lanewatch.demo.posting import FrontDoor
from lanewatch.demo.receiver import Receiver
from lanewatch.demo.story import Story, by_type

LANES = (
    "magnets-controlled:CN:world",
    "magnets-controlled:CN:DE",
    "magnets-controlled:CN:US",
    "magnets:CN:world",
    "magnets:CN:DE",
    "magnets:CN:US",
    "rare-earths:CN:world",
)
"""The lanes whose states are shown."""
MUST_BE_ZERO = (
    "dead_letters",
    "dead_letters_without_event",
    "dead_events_without_letter",
    "unpublished",
    "unpublishable",
    "overdrawn_accounts",
    "unbalanced_accounts",
    "lane_sequence_gaps",
    "decided_shipments_without_decision",
)
NEVER = "dormant"


class Found(NamedTuple):
    """What the two services said at the end."""

    licensing: Mapping[str, Any]
    alerts: Mapping[str, Any]
    lanes: Mapping[str, Mapping[str, Any]]
    early: Mapping[str, int]
    """What became of the declarations that were posted before their licence."""


async def ask(story: Story, licensing: Client, alerts: Client) -> Found:
    """Ask both services for their audits, and licensing for the lanes that are shown and the early declarations."""
    lanes = {lane_id: await licensing.get(f"/v1/lanes/{lane_id}") for lane_id in LANES}
    early = [await licensing.get("/v1/events", source=one.source, id=one.id) for one in story.early]
    outcomes = Counter(str(event["outcome"] or event["status"]) for event in early)
    return Found(await licensing.get("/v1/audit"), await alerts.get("/v1/audit"), lanes, outcomes)


def summarise(story: Story, found: Found, receiver: Receiver) -> dict[str, Any]:
    """Return the summary proper: the same for a second run, and for a run in which services were killed."""
    checks = _checks(story, found, receiver)
    return {
        "story": story.fingerprint,
        "events": {
            "told": len(story.events),
            "by_type": found.licensing["events_by_type"],
            "by_status": found.licensing["events_by_status"],
        },
        "decisions": found.licensing["decisions_by_outcome"],
        "declared_before_their_licence": dict(sorted(found.early.items())),
        "ledger_entries": found.licensing["ledger_entries_by_kind"],
        "lane_changes": found.licensing["lane_changes_by_state"],
        "alerts": found.licensing["alerts_by_type"],
        "deliveries": found.alerts["deliveries_by_state"],
        "webhooks": dict(sorted(Counter(one.subscriber for one in receiver.received.values()).items())),
        "doubled": receiver.doubled,
        "states": {lane_id: states_by_month(lane["changes"], _months(story)) for lane_id, lane in found.lanes.items()},
        "changes": [_change(lane_id, one) for lane_id, lane in found.lanes.items() for one in lane["changes"]],
        "audit": checks,
        "is_clean": not any(checks.values()),
    }


def _checks(story: Story, found: Found, receiver: Receiver) -> dict[str, int]:
    """Return the audit as counts of what is wrong: each must be zero."""
    known, status = found.licensing["events_by_type"], found.licensing["events_by_status"]
    delivered = found.alerts["deliveries_by_state"].get("delivered", 0)
    return {
        "events_not_as_told": _difference(known, by_type(story.events)),
        "events_without_an_end": len(story.events) - status.get("decided", 0),
        **{name: found.licensing[name] for name in MUST_BE_ZERO},
        "alerts_not_taken_over": _difference(found.licensing["alerts_by_type"], found.alerts["alerts_by_kind"]),
        "alerts_dead_letters": found.alerts["dead_letters"],
        "deliveries_not_delivered": sum(found.alerts["deliveries_by_state"].values()) - delivered,
        "deliveries_not_received": delivered - len(receiver.received),
        "delivered_without_accepted_attempt": found.alerts["delivered_without_accepted_attempt"],
        "doubled_webhooks": receiver.doubled,
        "signatures_not_verified": receiver.forged,
    }


def _difference(one: Mapping[str, int], other: Mapping[str, int]) -> int:
    return sum(abs(one.get(key, 0) - other.get(key, 0)) for key in {*one, *other})


def states_by_month(changes: Iterable[Mapping[str, Any]], months: Iterable[str]) -> dict[str, str]:
    """Return the state once the last day of each month is closed, which the tick of the midnight after does."""
    found, ordered = {}, [(datetime.fromisoformat(one["at"]), one["state"]) for one in changes]
    for month in months:
        first = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC)
        closed_at = (first + 31 * DAY).replace(day=1)
        found[month] = next((state for at, state in reversed(ordered) if at <= closed_at), NEVER)
    return found


def _change(lane_id: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change without what depends on which of several shipments of a day was read first."""
    return {
        "lane": lane_id,
        "sequence": one["sequence"],
        "date": one["at"][:10],
        "previous": one["previous"],
        "state": one["state"],
        "rules": [reason["rule"] for reason in one["reasons"]],
    }


def _months(story: Story) -> list[str]:
    return sorted({day.date.isoformat()[:7] for day in story.days})


def of_this_run(found: Found, receiver: Receiver, door: FrontDoor, clients: Iterable[Client]) -> dict[str, Any]:
    """Return what may differ from one run to the next."""
    return {
        "events_posted": door.posted,
        "events_posted_again": door.repeated,
        "requests_repeated": {client.name: client.retries for client in clients},
        "records_read": found.licensing["records_read"],
        "duplicates_absorbed": found.licensing["duplicates"],
        "alert_duplicates_absorbed": found.alerts["duplicates"],
        "attempts": found.alerts["attempts_by_status"],
        "webhooks_verified": receiver.verified,
        "webhooks_repeated": receiver.repeated,
        "seconds_to_webhook": _latency(found, receiver, door),
        "reasons": [
            {"lane": lane_id, "sequence": one["sequence"], "at": one["at"], "reasons": one["reasons"]}
            for lane_id, lane in found.lanes.items()
            for one in lane["changes"]
        ],
    }


def _latency(found: Found, receiver: Receiver, door: FrontDoor) -> dict[str, float]:
    """Return the seconds from the receipt of the event that changed a shown lane to the webhook that said so."""
    spans = []
    for lane_id, lane in found.lanes.items():
        for one in lane["changes"]:
            arrived = receiver.arrived_at.get(f"/lanewatch/licensing {lane_id}#{one['sequence']}")
            posted = door.posted_at.get(one["caused_by"])
            if arrived is not None and posted is not None:
                spans.append(arrived - posted)
    if not spans:
        return {}
    return {"median": round(statistics.median(spans), 3), "longest": round(max(spans), 3)}
