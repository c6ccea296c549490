"""Matches alerts against subscriptions, and gives each delivery its subscription's next number.

A batch comes as arrays, one for each fact, and a match names an alert by its place in them: so nothing is joined but
tables by their indexes, and one plan, made without knowing how much there is, is right for any batch. What is nearly
always asked is asked by one call of the database that takes a whole batch in: see `taking`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts.domain.filters import is_default, kind_patterns, lookup_keys, rank
from services.alerts.store import DUE_CHANNEL, NEWS_CHANNEL, handover
from services.alerts.store.handover import Handed, Offer
from services.alerts.store.intake import NewAlert, Numbered, columns
from shared.events import FOR_EVERYONE

FOUND = """
    SELECT DISTINCT k.subscription_id, w.place
    FROM unnest(CAST(:of_alert AS int[]), CAST(:commodity_group AS text[]), CAST(:origin AS text[]),
        CAST(:destination AS text[])) AS w(place, commodity_group, origin, destination)
    JOIN alerts.filter_key k USING (commodity_group, origin, destination) WHERE k.is_weighed = {is_weighed}"""
EVERYONE = """
    UNION SELECT k.subscription_id, CAST(a.place AS int)
    FROM unnest(CAST(:are_for_all AS boolean[])) WITH ORDINALITY AS a(is_for_all, place)
    CROSS JOIN alerts.filter_key k WHERE a.is_for_all AND k.is_weighed = {is_weighed}"""
"""Only asked where an alert is for everyone: it goes through all."""
OF_TENANT = """
    SELECT o.subscription_id, 1 AS place FROM alerts.subscription o
    WHERE o.tenant = :tenant AND o.state <> 'deleted' AND o.subscription_id <> :but"""
NUMBER, LANE = "(CAST(:numbers AS bigint[]))[m.place]", "(CAST(:lanes AS text[]))[m.place]"
_EXPORTER = "(CAST(:exporters AS text[]))[m.place]"
WANTED = f"""(CAST(:ranks AS smallint[]))[m.place] >= s.min_severity
        AND CASE WHEN s.kinds = '{{}}' THEN (CAST(:are_default AS boolean[]))[m.place]
            ELSE s.kinds && string_to_array((CAST(:patterns AS text[]))[m.place], ' ') END
        AND ({_EXPORTER} IS NULL OR s.exporters = '{{}}' OR {_EXPORTER} = ANY (s.exporters))
        AND (s.expires_at IS NULL OR s.expires_at > (
            SELECT greatest(x.happened_at, x.recorded_at) FROM alerts.alert x WHERE x.alert_no = {NUMBER}))"""

# Numbers are given under the locks of the queues, which are taken in one order and held until the
# commit: so numbers follow commits, and whoever saw one has seen, or can see, all below it. What a queue says
# is sorted before its alerts, not joined to them: whichever plan is taken without knowing how much there is, it
# never compares all with all.
_DELIVER = """
WITH matched AS ({found}), wanted AS (
    SELECT m.subscription_id, {number} AS alert_no, CASE WHEN s.url IS NULL THEN 'kept' ELSE 'due' END AS state,
        CASE WHEN s.ordering = 'lane' THEN {lane} END AS order_key, NULL AS due_at, NULL AS note
    FROM matched m JOIN alerts.subscription s USING (subscription_id) WHERE {wanted}
    UNION ALL SELECT * FROM unnest(CAST(:w_subscription_id AS uuid[]), CAST(:w_alert_no AS bigint[]),
        CAST(:w_state AS text[]), CAST(:w_order_key AS text[]), CAST(:w_due_at AS timestamptz[]),
        CAST(:w_note AS text[]))
), locked AS (
    SELECT q.subscription_id, q.last_sequence, {is_clear} AS is_clear, q.worker_id IS NULL AS is_free
    FROM alerts.queue q WHERE q.subscription_id IN (SELECT subscription_id FROM wanted)
    ORDER BY q.subscription_id FOR UPDATE
), counted AS (
    SELECT subscription_id, alert_no, state, order_key, due_at, note, first_value(is_clear) OVER of_one AS is_clear,
        first_value(is_free) OVER of_one AS is_free,
        first_value(last_sequence) OVER of_one + row_number() OVER of_one - 1 AS sequence
    FROM (
        SELECT subscription_id, last_sequence, is_clear, is_free, NULL AS alert_no, NULL AS state, NULL AS order_key,
            NULL AS due_at, NULL AS note FROM locked
        UNION ALL SELECT subscription_id, NULL, NULL, NULL, alert_no, state, order_key, due_at, note FROM wanted
    ) c WINDOW of_one AS (PARTITION BY subscription_id ORDER BY alert_no NULLS FIRST)
), numbered AS (
    SELECT *, uuidv7() AS delivery_id, clock_timestamp() AS created_at FROM counted WHERE alert_no IS NOT NULL
), inserted AS (
    INSERT INTO alerts.delivery (delivery_id, subscription_id, alert_no, state, order_key, due_at, note, sequence,
        created_at)
    SELECT delivery_id, subscription_id, alert_no, state, order_key, due_at, note, sequence, created_at
    FROM numbered ORDER BY alert_no
), {handed}"""


def _deliver(found: str) -> TextClause:
    parts = {"number": NUMBER, "lane": LANE, "wanted": WANTED, "is_clear": handover.IS_CLEAR}
    return text(_DELIVER.format(found=found.format(is_weighed="false"), handed=handover.HANDED, **parts))


_DELIVER_TO = {False: _deliver(FOUND), True: _deliver(FOUND + EVERYONE)}
_DELIVER_OF_TENANT = _deliver(OF_TENANT)


class Recorded(NamedTuple):
    """What became of deliveries that were inserted."""

    handed: list[Handed]
    is_more: bool
    """Whether there is something to send that was handed to nobody."""


class Weighed(NamedTuple):
    """A delivery to a subscription that had to be asked more than the index knows."""

    subscription_id: UUID
    alert_no: int
    state: str
    order_key: str | None
    due_at: datetime | None
    note: str | None


async def deliver(
    connection: AsyncConnection, alerts: Sequence[Numbered], weighed: Sequence[Weighed], offer: Offer | None = None
) -> Recorded:
    """Insert a delivery for each alert and subscription that it concerns; return what was handed to whom offers.

    Subscriptions that are weighed get those of `weighed`, all others what the index finds. Senders are woken by
    what was handed to nobody: see `wake`.
    """
    values = lookup(alerts) | _columns(weighed)
    return await _insert(connection, _DELIVER_TO[is_any_for_all(alerts)], values, alerts, offer)


async def deliver_of_tenant(
    connection: AsyncConnection, number: int, alert: NewAlert, tenant: str, *, but: UUID
) -> None:
    """Insert a delivery for each subscription of a tenant that asks for an alert of its own, `but` for one.

    It tells how the service itself fares, so that it waits for no quiet hours and no condition is asked.
    """
    values = {"tenant": tenant, "but": but, "numbers": [number], **facts([alert]), **_columns(())}
    await _insert(connection, _DELIVER_OF_TENANT, values, [(number, alert)], None)


async def _insert(
    connection: AsyncConnection,
    statement: TextClause,
    values: dict[str, Any],
    alerts: Sequence[Numbered],
    offer: Offer | None,
) -> Recorded:
    values |= {"channel": DUE_CHANNEL, "news": NEWS_CHANNEL, **handover.values(offer)}
    rows = (await connection.execute(statement, values)).mappings().all()
    by_number = dict(alerts)
    handed = [
        handover.handed(row, [by_number[number] for number in row["numbers"]])
        for row in rows
        if row["subscription_id"] is not None
    ]
    return Recorded(handed, rows[0]["is_more"])


def _columns(weighed: Sequence[Weighed]) -> dict[str, list[Any]]:
    return columns(weighed, [f"w_{name}" for name in Weighed._fields])


def lookup(alerts: Sequence[Numbered]) -> dict[str, list[Any]]:
    """Return what `FOUND` and `WANTED` ask for."""
    them = [alert for _, alert in alerts]
    return {"numbers": [number for number, _ in alerts], **keys(them), **facts(them)}


def keys(alerts: Sequence[NewAlert]) -> dict[str, list[Any]]:
    """Return the keys by which alerts are looked up, each with its alert's place."""
    wanted = [
        (place, *key)
        for place, alert in enumerate(alerts, 1)
        if alert.kind not in FOR_EVERYONE
        for key in lookup_keys(alert.scope)
    ]
    return columns(wanted, ("of_alert", "commodity_group", "origin", "destination"))


def is_any_for_all(alerts: Iterable[Numbered]) -> bool:
    """Return whether `EVERYONE` has to be asked."""
    return any(alert.kind in FOR_EVERYONE for _, alert in alerts)


def facts(alerts: Iterable[NewAlert]) -> dict[str, list[Any]]:
    """Return what is compared with subscriptions that an alert concerns."""
    found = [
        (" ".join(kind_patterns(a.kind)), is_default(a.kind), rank(a.severity), _exporter(a), a.lane, _is_for_all(a))
        for a in alerts
    ]
    return columns(found, ("patterns", "are_default", "ranks", "exporters", "lanes", "are_for_all"))


def _exporter(alert: NewAlert) -> str | None:
    return None if _is_for_all(alert) else alert.scope.exporter


def _is_for_all(alert: NewAlert) -> bool:
    return alert.kind in FOR_EVERYONE
