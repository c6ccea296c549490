"""One example of every event type; the generated documents show them and the tests hold them to the contract."""

from copy import deepcopy
from typing import Any

_MAGNETS: dict[str, Any] = {"hs": "850511", "elements": ["Nd", "Dy"], "form": "magnet", "control_code": "1C908"}
_COVERED: dict[str, Any] = {"hs": ["850511"], "elements": ["Dy", "Tb", "Sm"], "forms": ["magnet"]}
_REGIME: dict[str, Any] = {
    "regime_id": "CN-2025-18",
    "authority": "MOFCOM",
    "title": "Export control of seven medium and heavy rare earths",
    "origin": "CN",
    "covers": [_COVERED],
    "effective_from": "2025-04-04T00:00:00+08:00",
}
_LICENCE: dict[str, Any] = {
    "licence_id": "LIC-7",
    "kind": "individual",
    "authority": "MOFCOM",
    "batch_id": "BATCH-1",
    "exporter": "EXP-3",
    "origin": "CN",
    "destinations": ["DE"],
    "consignees": ["BUYER-9"],
    "end_uses": ["ev-traction"],
    "valid_from": "2025-05-12T00:00:00+08:00",
    "valid_until": "2025-11-12T00:00:00+08:00",
    "lines": [{"line_no": 1, "covers": _COVERED, "mass": {"value": "12000", "unit": "KGM"}}],
}
_SHIPMENT: dict[str, Any] = {
    "shipment_id": "SHP-42",
    "exporter": "EXP-3",
    "consignee": "BUYER-9",
    "end_use": "ev-traction",
    "origin": "CN",
    "destination": "DE",
    "lines": [
        {
            "line_no": 1,
            "commodity": _MAGNETS,
            "net_mass": {"value": "1200.5", "unit": "KGM"},
            "value": {"amount": "86000.00", "currency": "EUR"},
            "licence_id": "LIC-7",
        }
    ],
}
_REVIEW = {"shipment_id": "SHP-42", "officer": "officer-12"}
_MILESTONE: dict[str, Any] = {"shipment_id": "SHP-42", "location": "CNSHA"}

TRADE_DATA: dict[str, dict[str, Any]] = {
    "trade.regime.announced": _REGIME,
    "trade.regime.amended": {**_REGIME, "destinations": {"exclude": ["HK"]}},
    "trade.regime.suspended": {
        "regime_id": "CN-2025-61",
        "suspended_from": "2025-11-07T00:00:00+08:00",
        "suspended_until": "2026-11-10T00:00:00+08:00",
        "reason": "Announcement No. 70 of 2025",
    },
    "trade.regime.reinstated": {"regime_id": "CN-2025-61", "reason": "The suspension was cut short"},
    "trade.regime.ended": {"regime_id": "CN-2025-18"},
    "trade.quota.opened": {
        "quota_id": "Q-2025-DY",
        "authority": "MOFCOM",
        "title": "Dysprosium magnets, second half of 2025",
        "origin": "CN",
        "covers": [_COVERED],
        "period_start": "2025-07-01T00:00:00+08:00",
        "period_end": "2026-01-01T00:00:00+08:00",
        "initial": {"value": "40", "unit": "TNE"},
    },
    "trade.quota.tranche_released": {
        "quota_id": "Q-2025-DY",
        "tranche_id": "T2",
        "amount": {"value": "25", "unit": "TNE"},
    },
    "trade.quota.allocated": {
        "quota_id": "Q-2025-DY",
        "allocations": [{"exporter": "EXP-3", "amount": {"value": "10", "unit": "TNE"}}],
    },
    "trade.quota.returned": {
        "quota_id": "Q-2025-DY",
        "exporter": "EXP-3",
        "amount": {"value": "2.5", "unit": "TNE"},
    },
    "trade.quota.blocked": {"quota_id": "Q-2025-DY", "reason": "Requests of the first days are counted"},
    "trade.quota.suspended": {"quota_id": "Q-2025-DY", "reason": "Under examination"},
    "trade.quota.reopened": {"quota_id": "Q-2025-DY"},
    "trade.quota.closed": {"quota_id": "Q-2025-DY", "reason": "Used up"},
    "trade.licence.batch_issued": {
        "batch_id": "BATCH-1",
        "authority": "MOFCOM",
        "title": "First batch of magnet licences",
        "origin": "CN",
        "covers": [_COVERED],
        "destinations": {"include": ["DE", "VN"]},
        "licence_count": 4,
    },
    "trade.licence.applied": _LICENCE,
    "trade.licence.issued": _LICENCE,
    "trade.licence.use_brought_forward": {
        "licence_id": "LIC-7",
        "line_no": 1,
        "mass": {"value": "2000", "unit": "KGM"},
    },
    "trade.licence.surrendered": {"licence_id": "LIC-7", "reason": "No longer needed"},
    "trade.licence.amended": {**_LICENCE, "destinations": ["DE", "CZ"]},
    "trade.licence.suspended": {"licence_id": "LIC-7", "reason": "End use under examination"},
    "trade.licence.reinstated": {"licence_id": "LIC-7"},
    "trade.licence.revoked": {"licence_id": "LIC-7", "reason": "Diverted goods"},
    "trade.shipment.declared": _SHIPMENT,
    "trade.shipment.corrected": {**_SHIPMENT, "consignee": "BUYER-10", "reason": "Wrong consignee"},
    "trade.shipment.cleared": _MILESTONE,
    "trade.shipment.held": {**_MILESTONE, "reason": "Sample taken"},
    "trade.shipment.released": _MILESTONE,
    "trade.shipment.departed": _MILESTONE,
    "trade.shipment.arrived": {"shipment_id": "SHP-42", "location": "DEHAM"},
    "trade.shipment.delivered": {"shipment_id": "SHP-42"},
    "trade.shipment.rejected": {**_MILESTONE, "reason": "The licence does not cover the goods"},
    "trade.shipment.cancelled": {"shipment_id": "SHP-42"},
    "trade.review.released": {**_REVIEW, "reason": "Certificate seen in the original"},
    "trade.review.rejected": {**_REVIEW, "reason": "End user could not be confirmed"},
    "trade.review.overridden": {**_REVIEW, "reason": "Humanitarian delivery, approved by the ministry"},
    "trade.policy.rolled_out": {
        "version": "2025-06",
        "title": "Monitoring of rare earths",
        "effective_from": "2025-06-01T00:00:00Z",
        "rules": [
            {
                "id": "diversion",
                "when": "has(line.licence) && !(shipment.destination in line.licence.destinations)",
                "effect": "hold",
                "severity": "warning",
                "says": "line {line.line_no} goes to {shipment.destination}, which its licence does not name",
                "remedy": "an amended licence, or a corrected destination",
            }
        ],
        "by": "officer-12",
        "reason": "Approved by the compliance board",
    },
    "trade.price.observed": {
        "price_id": "dy-oxide-fob-china",
        "commodity": {"hs": "284690", "elements": ["Dy"], "form": "oxide"},
        "price": {"amount": "255.00", "currency": "USD"},
        "per": "KGM",
        "origin": "CN",
        "basis": "99.5 % min, FOB China",
    },
    "trade.event.retracted": {
        "entity": "shipment:SHP-42",
        "source": "/customs/shanghai",
        "id": "SHP-42-cleared",
        "reason": "Reported for the wrong shipment",
    },
    "lanewatch.clock.ticked": {"now": "2025-06-01T00:00:00Z"},
}
"""The data of an event of each type that comes in."""

_SCOPE: dict[str, Any] = {"commodity_groups": ["dy-magnets"], "origin": "CN", "destinations": ["DE"]}
_CAUSE = "/customs/shanghai SHP-42-cleared"
_LANE: dict[str, Any] = {
    "scope": _SCOPE,
    "severity": "notice",
    "headline": "Dysprosium magnets from CN to DE flow again",
    "lane_id": "dy-magnets:CN:DE",
    "sequence": 2,
    "previous": "restricted",
    "state": "flowing",
    "since": "2025-05-20T03:00:00Z",
    "reasons": [{"rule": "seen.cleared", "says": "1,200.5 kg cleared", "figures": {"cleared_kg": "1200.5"}}],
    "caused_by": _CAUSE,
}
_DECISION: dict[str, Any] = {
    "scope": {**_SCOPE, "exporter": "EXP-3"},
    "severity": "info",
    "decision_id": "DEC-42",
    "shipment_id": "SHP-42",
    "net_mass_kg": "1200.5",
    "policy_version": "1",
    "caused_by": "/customs/shanghai SHP-42-declared",
}


def _decision(outcome: str, rule: str, says: str) -> dict[str, Any]:
    reasons = [{"rule": rule, "says": says}]
    return {**_DECISION, "headline": f"SHP-42 is {outcome}", "outcome": outcome, "reasons": reasons}


def _changed(kind: str, what: str, **more: object) -> dict[str, Any]:
    return {
        "scope": _SCOPE,
        "severity": "notice",
        "headline": f"{kind.capitalize()} {what}",
        "caused_by": "/authority/mofcom 2025-0001",
        **more,
    }


ALERT_DATA: dict[str, dict[str, Any]] = {
    "lanewatch.lane.changed": _LANE,
    "lanewatch.lane.exporter_changed": {
        **_LANE,
        "scope": {**_SCOPE, "exporter": "EXP-3"},
        "lane_id": "dy-magnets:CN:DE:EXP-3",
        "headline": "dy-magnets from CN to DE, EXP-3: flowing",
    },
    "lanewatch.decision.permitted": _decision("permitted", "licence.covers", "LIC-7 covers the goods"),
    "lanewatch.decision.held": _decision("held", "licence.awaited", "LIC-7 has not been seen yet"),
    "lanewatch.decision.withdrawn": {
        **_decision("withdrawn", "shipment.retracted", "the declaration was taken back"),
        "supersedes": "DEC-41",
    },
    "lanewatch.finding.raised": {
        "scope": {**_SCOPE, "exporter": "EXP-3"},
        "severity": "warning",
        "headline": "shipment SHP-42: line 1 goes to DE, which its licence does not name",
        "rule": "diversion",
        "effect": "hold",
        "rulebook": "2025-06",
        "shipment_id": "SHP-42",
        "decision_id": "DEC-42",
        "caused_by": "/customs/shanghai SHP-42-declared",
        "lines": [1],
        "remedy": "an amended licence, or a corrected destination",
    },
    **{
        f"lanewatch.finding.source_{what}": {
            "scope": {**_SCOPE, "destinations": ["*"]},
            "severity": "warning",
            "headline": f"/customs/shanghai is {what}",
            "source": "/customs/shanghai",
            "last_event_at": "2025-06-01T08:00:00Z",
            "longest_gap_hours": 14,
            "caused_by": "/lanewatch/clock 2025-06-03T00:00:00Z",
        }
        for what in ("silent", "resumed")
    },
    "lanewatch.finding.stockpiling": {
        "scope": _SCOPE,
        "severity": "notice",
        "headline": "dy-magnets from CN to DE: 214 % of what is usual cleared in 12 days, before No. 55 takes effect",
        "lane_id": "dy-magnets:CN:DE",
        "regime_id": "CN-2025-55",
        "effective_from": "2025-11-08T00:00:00Z",
        "shipments": 26,
        "percent_of_usual": 214,
        "days": 12,
        "caused_by": "/lanewatch/scheduler tick-2025-10-25T00:00:00+00:00",
    },
    **{
        f"lanewatch.finding.price_{what}": {
            "scope": {**_SCOPE, "destinations": ["*"]},
            "severity": "warning",
            "headline": f"dy-oxide-fob-china is {what}",
            "price_id": "dy-oxide-fob-china",
            "price": "255.00",
            "currency": "USD",
            "per": "KGM",
            "volatility_percent": "64.2",
            "usual_percent": "21.0",
            "caused_by": "/prices/exchange p-2025-06-02",
        }
        for what in ("stressed", "calm")
    },
    **{
        f"lanewatch.pipeline.{what}": {
            "scope": {"commodity_groups": [], "origin": "*", "destinations": ["*"]},
            "severity": "warning",
            "headline": f"{what}: what is said of lanes is of 2025-06-01 08:00:00 UTC",
            "last_pulse": "2025-06-01T08:00:00Z",
        }
        for what in ("stuck", "resumed")
    },
    **{
        f"lanewatch.endpoint.{what}": {
            "scope": {"commodity_groups": [], "origin": "*", "destinations": ["*"]},
            "severity": "warning",
            "headline": f"{what}: the endpoint of “Magnets to Germany” since 2025-06-01 08:00:00 UTC (status 503)",
            "subscription_id": "01973f6c-0000-7000-8000-000000000000",
            "name": "Magnets to Germany",
            "since": "2025-06-01T08:00:00Z",
            "waiting": 12,
            "last_error": "status 503",
        }
        for what in ("failing", "recovered", "disabled")
    },
    "lanewatch.pipeline.pulse": {"clock": "2025-06-01T08:00:00Z"},
    "lanewatch.decision.denied": _decision("denied", "licence.left", "LIC-7 has 300 kg left, 1,200.5 kg are wanted"),
    **{
        f"lanewatch.licence.{what}": _changed(
            "licence", what, licence_id="LIC-7", left_kg="10799.5", granted_kg="12000"
        )
        for what in (
            "batch_issued",
            "applied",
            "issued",
            "activated",
            "amended",
            "suspended",
            "reinstated",
            "revoked",
            "expired",
            "exhausted",
            "replenished",
            "surrendered",
            "retracted",
        )
    },
    **{
        f"lanewatch.quota.{what}": _changed("quota", what, quota_id="Q-2025-DY", left_kg="3800", granted_kg="40000")
        for what in (
            "opened",
            "tranche_released",
            "critical",
            "exhausted",
            "allocated",
            "returned",
            "blocked",
            "suspended",
            "reopened",
            "closed",
            "retracted",
        )
    },
    **{
        f"lanewatch.regime.{what}": _changed("regime", what, regime_id="CN-2025-18")
        for what in ("announced", "amended", "suspended", "reinstated", "ended", "retracted")
    },
    "lanewatch.test.ping": {
        "scope": {"commodity_groups": [], "origin": "*", "destinations": ["*"]},
        "severity": "info",
        "headline": "A test of your endpoint",
        "subscription_id": "SUB-1",
    },
    "lanewatch.digest": {
        "scope": {"commodity_groups": [], "origin": "*", "destinations": ["*"]},
        "severity": "notice",
        "headline": "1 alert",
        "subscription_id": "SUB-1",
        "alerts": [
            {
                "sequence": 17,
                "webhook_id": "0197e000-0000-7000-8000-000000000000",
                "event": {
                    "specversion": "1.0",
                    "id": "lanewatch.quota.critical-0001",
                    "source": "/lanewatch/licensing",
                    "type": "lanewatch.quota.critical",
                    "time": "2025-05-20T03:00:00Z",
                    "partitionkey": "dy-magnets:CN:DE",
                    "datacontenttype": "application/json",
                    "data": _changed("quota", "critical", quota_id="Q-2025-DY", left_kg="3800", granted_kg="40000"),
                },
            }
        ],
    },
}
"""The data of an event of each type that goes out."""


def trade_event(kind: str) -> dict[str, Any]:
    """Return an example of an event that comes in."""
    return {
        "specversion": "1.0",
        "id": f"{kind}-0001",
        "source": "/customs/shanghai",
        "type": kind,
        "time": "2025-05-20T11:00:00+08:00",
        "datacontenttype": "application/json",
        "data": deepcopy(TRADE_DATA[kind]),
    }


def alert_event(kind: str) -> dict[str, Any]:
    """Return an example of an event that goes out."""
    return {
        "specversion": "1.0",
        "id": f"{kind}-0001",
        "source": "/lanewatch/licensing",
        "type": kind,
        "time": "2025-05-20T03:00:00Z",
        "partitionkey": "dy-magnets:CN:DE",
        "datacontenttype": "application/json",
        "data": deepcopy(ALERT_DATA[kind]),
    }
