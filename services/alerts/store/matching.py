"""Matches alerts against subscriptions, and gives each delivery its subscription's next number."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import is_default, kind_patterns, lookup_keys, rank
from services.alerts.store import DUE_CHANNEL
from services.alerts.store.intake import NewAlert, Numbered, columns
from shared.events import FOR_EVERYONE

ALERTS = """
    SELECT * FROM unnest(CAST(:alert_no AS bigint[]), CAST(:patterns AS text[]), CAST(:is_default AS boolean[]),
        CAST(:rank AS smallint[]), CAST(:exporter AS text[]), CAST(:lane AS text[]), CAST(:is_for_all AS boolean[]))
        AS a(alert_no, patterns, is_default, rank, exporter, lane, is_for_all)"""
FOUND = """
    SELECT DISTINCT k.subscription_id, w.alert_no
    FROM unnest(CAST(:of_alert AS bigint[]), CAST(:commodity_group AS text[]), CAST(:origin AS text[]),
        CAST(:destination AS text[])) AS w(alert_no, commodity_group, origin, destination)
    JOIN alerts.filter_key k USING (commodity_group, origin, destination) WHERE k.is_weighed = {is_weighed}"""
EVERYONE = """
    UNION SELECT k.subscription_id, a.alert_no
    FROM alert a CROSS JOIN alerts.filter_key k WHERE a.is_for_all AND k.is_weighed = {is_weighed}"""
"""Only asked where an alert is for everyone: it goes through all."""
OF_TENANT = """
    SELECT o.subscription_id, a.alert_no FROM alerts.subscription o CROSS JOIN alert a
    WHERE o.tenant = :tenant AND o.state <> 'deleted' AND o.subscription_id <> :but"""
WANTED = """a.rank >= s.min_severity
        AND CASE WHEN s.kinds = '{}' THEN a.is_default ELSE s.kinds && string_to_array(a.patterns, ' ') END
        AND (a.exporter IS NULL OR s.exporters = '{}' OR a.exporter = ANY (s.exporters))
        AND (s.expires_at IS NULL OR s.expires_at > (
            SELECT greatest(x.happened_at, x.recorded_at) FROM alerts.alert x WHERE x.alert_no = a.alert_no))"""

# Numbers are given under the locks of the queues, which are taken in one order and held until the
# commit: so numbers follow commits, and whoever saw one has seen, or can see, all below it. Where a
# subscription's count stands is sorted before its alerts, not joined to them: whichever plan is taken
# without knowing how much there is, it never compares all with all.
_DELIVER = """
WITH alert AS ({alerts}), matched AS ({found}), wanted AS (
    SELECT m.subscription_id, m.alert_no, CASE WHEN s.url IS NULL THEN 'kept' ELSE 'due' END AS state,
        CASE WHEN s.ordering = 'lane' THEN a.lane END AS order_key, NULL AS due_at, NULL AS note
    FROM matched m JOIN alert a USING (alert_no) JOIN alerts.subscription s USING (subscription_id) WHERE {wanted}
    UNION ALL SELECT * FROM unnest(CAST(:w_subscription_id AS uuid[]), CAST(:w_alert_no AS bigint[]),
        CAST(:w_state AS text[]), CAST(:w_order_key AS text[]), CAST(:w_due_at AS timestamptz[]),
        CAST(:w_note AS text[]))
), locked AS (
    SELECT subscription_id, last_sequence FROM alerts.queue
    WHERE subscription_id IN (SELECT subscription_id FROM wanted) ORDER BY subscription_id FOR UPDATE
), counted AS (
    SELECT *, first_value(last_sequence) OVER of_one + row_number() OVER of_one - 1 AS sequence FROM (
        SELECT subscription_id, last_sequence, NULL AS alert_no, NULL AS state, NULL AS order_key, NULL AS due_at,
            NULL AS note FROM locked
        UNION ALL SELECT subscription_id, NULL, alert_no, state, order_key, due_at, note FROM wanted
    ) c WINDOW of_one AS (PARTITION BY subscription_id ORDER BY alert_no NULLS FIRST)
), numbered AS (
    SELECT * FROM counted WHERE alert_no IS NOT NULL
), inserted AS (
    INSERT INTO alerts.delivery (subscription_id, alert_no, state, order_key, due_at, note, sequence)
    SELECT subscription_id, alert_no, state, order_key, due_at, note, sequence
    FROM numbered ORDER BY alert_no
), woken AS (
    UPDATE alerts.queue q SET last_sequence = n.last_sequence,
        due_at = CASE WHEN n.is_due THEN least(coalesce(q.due_at, now()), now()) ELSE q.due_at END,
        release_at = least(q.release_at, n.release_at)
    FROM (
        SELECT subscription_id, max(sequence) AS last_sequence, bool_or(state = 'due') AS is_due,
            min(due_at) AS release_at
        FROM numbered GROUP BY subscription_id
    ) n WHERE q.subscription_id = n.subscription_id
)
SELECT pg_notify(:channel, '') FROM (SELECT count(*) AS deliveries FROM numbered) i WHERE deliveries > 0"""


def _deliver(found: str) -> TextClause:
    return text(_DELIVER.format(alerts=ALERTS, found=found.format(is_weighed="false"), wanted=WANTED))


_DELIVER_TO = {False: _deliver(FOUND), True: _deliver(FOUND + EVERYONE)}
_DELIVER_OF_TENANT = _deliver(OF_TENANT)


class Weighed(NamedTuple):
    """A delivery to a subscription that had to be asked more than the index knows."""

    subscription_id: UUID
    alert_no: int
    state: str
    order_key: str | None
    due_at: datetime | None
    note: str | None


async def deliver(connection: AsyncConnection, alerts: Sequence[Numbered], weighed: Sequence[Weighed]) -> None:
    """Insert a delivery for each alert and subscription that it concerns, and wake the senders: see `wake`.

    Subscriptions that are weighed get those of `weighed`, all others what the index finds.
    """
    values = lookup(alerts) | _columns(weighed)
    await connection.execute(_DELIVER_TO[is_any_for_all(alerts)], {"channel": DUE_CHANNEL, **values})


async def deliver_of_tenant(
    connection: AsyncConnection, number: int, alert: NewAlert, tenant: str, *, but: UUID
) -> None:
    """Insert a delivery for each subscription of a tenant that asks for an alert of its own, `but` for one.

    It tells how the service itself fares, so that it waits for no quiet hours and no condition is asked.
    """
    values = {"channel": DUE_CHANNEL, "tenant": tenant, "but": but, **_facts([(number, alert)]), **_columns(())}
    await connection.execute(_DELIVER_OF_TENANT, values)


def _columns(weighed: Sequence[Weighed]) -> dict[str, list[Any]]:
    return columns(weighed, [f"w_{name}" for name in Weighed._fields])


def lookup(alerts: Sequence[Numbered]) -> dict[str, list[Any]]:
    """Return what `ALERTS` and `FOUND` ask for."""
    wanted = [(no, *key) for no, alert in alerts if alert.kind not in FOR_EVERYONE for key in lookup_keys(alert.scope)]
    return _facts(alerts) | columns(wanted, ("of_alert", "commodity_group", "origin", "destination"))


def is_any_for_all(alerts: Iterable[Numbered]) -> bool:
    """Return whether `EVERYONE` has to be asked."""
    return any(alert.kind in FOR_EVERYONE for _, alert in alerts)


def _facts(alerts: Iterable[Numbered]) -> dict[str, list[Any]]:
    """Return what is compared with subscriptions that an alert concerns."""
    facts = [
        (
            no,
            " ".join(kind_patterns(a.kind)),
            is_default(a.kind),
            rank(a.severity),
            _exporter(a),
            a.lane,
            _is_for_all(a),
        )
        for no, a in alerts
    ]
    return columns(facts, ("alert_no", "patterns", "is_default", "rank", "exporter", "lane", "is_for_all"))


def _exporter(alert: NewAlert) -> str | None:
    return None if _is_for_all(alert) else alert.scope.exporter


def _is_for_all(alert: NewAlert) -> bool:
    return alert.kind in FOR_EVERYONE
