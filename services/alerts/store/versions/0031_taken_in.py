"""Takes a batch of alerts in by one round trip: offsets, alerts, lanes, deliveries, and what is handed to the sender.

It says the same as the statements of `intake` and `matching`, which do it where a batch is not plain: where an alert
was there already, is for everyone, or may be for a subscription that is weighed. Then this changes nothing.

Revision ID: 0031
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# Plans are made once, without knowing how much there is, and go by the indexes whatever that is. An alert is named by
# its place in the arrays, so that nothing is joined but tables by their indexes.
FUNCTION = r"""
CREATE FUNCTION alerts.take_in(
    p_topic text, p_partitions int[], p_expected bigint[], p_next bigint[],
    -- Of alerts.
    p_sources text[], p_ids text[], p_kinds text[], p_severities text[], p_lanes text[], p_happened timestamptz[],
    p_bodies bytea[], p_accepted timestamptz[], p_decided timestamptz[],
    p_patterns text[], p_are_default boolean[], p_ranks smallint[], p_exporters text[],
    -- Of their keys; which alert they are of.
    p_of_alert int[], p_groups text[], p_origins text[], p_destinations text[],
    -- Of lanes in their new states; which alert says so.
    p_says int[], p_lane_ids text[], p_lane_groups text[], p_lane_origins text[], p_lane_destinations text[],
    p_lane_exporters text[], p_states text[], p_previous text[], p_since timestamptz[], p_sequences bigint[],
    p_lane_severities text[], p_headlines text[], p_reasons text[],
    -- Of the sender that deliveries are handed to.
    p_worker uuid, p_room int, p_window int, p_own uuid[],
    p_channel text, p_news text
) RETURNS TABLE (
    is_more boolean, subscription_id uuid, url text, signing text, format text, is_free boolean, last_known bigint,
    ids uuid[], places int[], sequences bigint[], order_keys text[], times timestamptz[],
    last_accepted_at timestamptz, max_in_flight int, state text, strain int, recent int, rests int,
    failing_since timestamptz, tries int, rests_until timestamptz, closed_at timestamptz, last_error text
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $function$
#variable_conflict use_column
DECLARE
    moved int;
    p_numbers bigint[];
BEGIN
    UPDATE alerts.consumer_offset o SET next_offset = a.next_offset
    FROM unnest(p_partitions, p_expected, p_next) AS a(partition, expected, next_offset)
    WHERE o.topic = p_topic AND o.partition = a.partition AND o.next_offset = a.expected;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(p_partitions) THEN
        RAISE EXCEPTION 'offsets moved' USING ERRCODE = 'LW001';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtext('alerts.subscription'));
    IF EXISTS (
        SELECT FROM unnest(p_groups, p_origins, p_destinations) AS w(commodity_group, origin, destination)
        JOIN alerts.filter_key k USING (commodity_group, origin, destination) WHERE k.is_weighed
    ) THEN
        RAISE EXCEPTION 'a subscription is weighed' USING ERRCODE = 'LW002';
    END IF;
    WITH inserted AS (
        INSERT INTO alerts.alert (source, id, kind, severity, lane, happened_at, body, accepted_at, decided_at)
        SELECT source, id, kind, severity, lane, happened_at, body, accepted_at, decided_at
        FROM unnest(p_sources, p_ids, p_kinds, p_severities, p_lanes, p_happened, p_bodies, p_accepted, p_decided)
            WITH ORDINALITY
            AS a(source, id, kind, severity, lane, happened_at, body, accepted_at, decided_at, place)
        ORDER BY place ON CONFLICT (source, id) DO NOTHING
        RETURNING alert_no
    ) SELECT array_agg(alert_no ORDER BY alert_no) INTO p_numbers FROM inserted;
    IF cardinality(p_numbers) IS DISTINCT FROM cardinality(p_ids) THEN
        RAISE EXCEPTION 'an alert is known' USING ERRCODE = 'LW003';
    END IF;
    INSERT INTO alerts.lane AS l (lane_id, commodity_group, origin, destination, exporter, state, previous, since,
        sequence, severity, headline, reasons, alert_no)
    SELECT c.lane_id, c.commodity_group, c.origin, c.destination, c.exporter, c.state, c.previous, c.since,
        c.sequence, c.severity, c.headline, CAST(c.reasons AS jsonb), p_numbers[c.place]
    FROM unnest(p_says, p_lane_ids, p_lane_groups, p_lane_origins, p_lane_destinations, p_lane_exporters, p_states,
        p_previous, p_since, p_sequences, p_lane_severities, p_headlines, p_reasons)
        AS c(place, lane_id, commodity_group, origin, destination, exporter, state, previous, since, sequence,
        severity, headline, reasons)
    ON CONFLICT (lane_id) DO UPDATE SET (commodity_group, origin, destination, exporter, state, previous, since,
        sequence, severity, headline, reasons, alert_no) = (excluded.commodity_group, excluded.origin,
        excluded.destination, excluded.exporter, excluded.state, excluded.previous, excluded.since,
        excluded.sequence, excluded.severity, excluded.headline, excluded.reasons, excluded.alert_no)
    WHERE l.sequence < excluded.sequence;
    RETURN QUERY
    WITH matched AS (
        SELECT DISTINCT k.subscription_id, w.place
        FROM unnest(p_of_alert, p_groups, p_origins, p_destinations) AS w(place, commodity_group, origin, destination)
        JOIN alerts.filter_key k USING (commodity_group, origin, destination) WHERE NOT k.is_weighed
    ), wanted AS (
        SELECT m.subscription_id, m.place AS spot, p_numbers[m.place] AS alert_no,
            CASE WHEN s.url IS NULL THEN 'kept' ELSE 'due' END AS state,
            CASE WHEN s.ordering = 'lane' THEN p_lanes[m.place] END AS order_key
        FROM matched m JOIN alerts.subscription s USING (subscription_id)
        WHERE p_ranks[m.place] >= s.min_severity
            AND CASE WHEN s.kinds = '{}' THEN p_are_default[m.place]
                ELSE s.kinds && string_to_array(p_patterns[m.place], ' ') END
            AND (p_exporters[m.place] IS NULL OR s.exporters = '{}' OR p_exporters[m.place] = ANY (s.exporters))
            AND (s.expires_at IS NULL OR s.expires_at > (SELECT greatest(x.happened_at, x.recorded_at)
                FROM alerts.alert x WHERE x.alert_no = p_numbers[m.place]))
    ), locked AS (
        SELECT q.subscription_id, q.last_sequence, q.worker_id IS NULL AS is_free, q.is_open AND q.due_at IS NULL
            AND q.breaker = 'closed' AND q.failing_since IS NULL AND q.rests_until IS NULL
            AND q.max_per_second IS NULL AND CASE WHEN q.worker_id IS NULL THEN true
            ELSE q.worker_id = p_worker AND q.subscription_id = ANY (p_own) END AS is_clear
        FROM alerts.queue q WHERE q.subscription_id IN (SELECT subscription_id FROM wanted)
        ORDER BY q.subscription_id FOR UPDATE
    ), counted AS (
        SELECT subscription_id, spot, alert_no, state, order_key, first_value(is_clear) OVER of_one AS is_clear,
            first_value(is_free) OVER of_one AS is_free,
            first_value(last_sequence) OVER of_one + row_number() OVER of_one - 1 AS sequence
        FROM (
            SELECT subscription_id, last_sequence, is_clear, is_free, NULL AS spot, NULL AS alert_no,
                NULL AS state, NULL AS order_key FROM locked
            UNION ALL SELECT subscription_id, NULL, NULL, NULL, spot, alert_no, state, order_key FROM wanted
        ) c WINDOW of_one AS (PARTITION BY subscription_id ORDER BY alert_no NULLS FIRST)
    ), numbered AS (
        SELECT *, uuidv7() AS delivery_id, clock_timestamp() AS created_at FROM counted WHERE alert_no IS NOT NULL
    ), inserted AS (
        INSERT INTO alerts.delivery (delivery_id, subscription_id, alert_no, state, order_key, sequence, created_at)
        SELECT delivery_id, subscription_id, alert_no, state, order_key, sequence, created_at
        FROM numbered ORDER BY alert_no
    ), told AS (
        SELECT *, coalesce(may, false) AND p_worker IS NOT NULL AND (NOT is_free OR place <= p_room) AS is_handed
        FROM (
            SELECT *, row_number() OVER (PARTITION BY may AND is_free) AS place FROM (
                SELECT subscription_id, max(sequence) AS last_known, bool_or(state = 'due') AS is_due,
                    bool_or(is_free) AS is_free, bool_and(is_clear AND state = 'due') AND count(*) <= p_window AS may,
                    array_agg(delivery_id ORDER BY alert_no) AS ids, array_agg(spot ORDER BY alert_no) AS places,
                    array_agg(sequence ORDER BY alert_no) AS sequences,
                    array_agg(order_key ORDER BY alert_no) AS order_keys,
                    array_agg(created_at ORDER BY alert_no) AS times
                FROM numbered GROUP BY subscription_id
            ) t
        ) t
    ), woken AS (
        UPDATE alerts.queue q SET last_sequence = t.last_known,
            due_at = CASE WHEN t.is_due AND NOT t.is_handed THEN least(q.due_at, now()) ELSE q.due_at END,
            worker_id = CASE WHEN t.is_handed THEN p_worker ELSE q.worker_id END
        FROM told t WHERE q.subscription_id = t.subscription_id
        RETURNING t.*, q.last_accepted_at, q.max_in_flight, q.breaker, q.strain, q.recent, q.rests, q.failing_since,
            q.tries, q.rests_until, q.closed_at, q.last_error
    ), news AS (
        SELECT bool_or(is_due AND NOT is_handed) AS is_more, pg_notify(p_news, '') FROM told HAVING count(*) > 0
    ), more AS (
        SELECT n.is_more, CASE WHEN n.is_more THEN pg_notify(p_channel, '') END FROM news n
    )
    SELECT n.is_more, w.subscription_id, s.url, CASE WHEN w.is_handed THEN CAST(json_build_object(
        'tenant', s.tenant,
        'secrets', CASE WHEN s.signature <> 'ed25519' THEN (
            SELECT json_agg(json_build_object('sealed', v.sealed, 'until', v.until))
            FROM alerts.secret k CROSS JOIN LATERAL (
                VALUES (k.sealed, CAST(NULL AS timestamptz)), (k.sealed_before, k.before_until)) AS v(sealed, until)
            WHERE k.subscription_id = s.subscription_id AND v.sealed IS NOT NULL
                AND (v.until IS NULL OR v.until > clock_timestamp())) END,
        'keys', CASE WHEN s.signature <> 'hmac' THEN (
            SELECT json_agg(json_build_object('sealed', k.sealed, 'until', k.signs_until, 'key_id', k.key_id)
                ORDER BY k.created_at DESC)
            FROM alerts.signing_key k
            WHERE k.tenant = s.tenant AND (k.signs_until IS NULL OR k.signs_until > clock_timestamp())) END)
        AS text) END, s.format, w.is_free, w.last_known, w.ids, w.places, w.sequences, w.order_keys, w.times,
        w.last_accepted_at, w.max_in_flight, w.breaker, w.strain, w.recent, w.rests, w.failing_since, w.tries,
        w.rests_until, w.closed_at, w.last_error
    FROM more n LEFT JOIN (woken w JOIN alerts.subscription s ON s.subscription_id = w.subscription_id)
        ON w.is_handed;
END
$function$
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(FUNCTION)


def downgrade() -> None:
    op.execute("DROP FUNCTION alerts.take_in")
