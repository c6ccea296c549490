"""Records first attempts that endpoints accepted in one round trip: what nearly all records are.

Whatever is not as plain as that is left as it is, and told by `false`: an endpoint that somebody else has in hand by
now, that fails or rests, or of which something is queued. Then the outcomes are recorded one by one.

Revision ID: 0030
"""

from alembic import op

revision = "0030"
down_revision = "0025"
branch_labels = None
depends_on = None

# Each statement sees what was committed before the locks of the first one were had. Plans are made once, without
# knowing how much there is, and go by the indexes whatever that is.
FUNCTION = r"""
CREATE FUNCTION alerts.record_accepted(
    worker uuid,
    -- Of endpoints, in the order of their ids; `recent` is null where nothing was sent to it.
    endpoints uuid[], recents int[], are_released boolean[], last_known bigint[],
    -- Of attempts, those of an endpoint together and in their order. A link's text stands around its number.
    of_endpoint uuid[], of_delivery uuid[], started timestamptz[], durations_ms double precision[], statuses int[],
    excerpts text[], urls text[], bodies bytea[], befores bytea[], afters bytea[],
    acceptable text[], accepted text
) RETURNS boolean LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $function$
DECLARE
    locked int;
    said record;
    chain_id uuid;
    link bigint;
    head bytea;
    chain_ids uuid[] := '{}';
    chain_links bigint[] := '{}';
    chain_heads bytea[] := '{}';
    links bigint[] := '{}';
    hashes bytea[] := '{}';
BEGIN
    PERFORM FROM alerts.queue q
    WHERE q.subscription_id = ANY (endpoints) AND q.worker_id = worker AND q.breaker = 'closed'
        AND q.failing_since IS NULL AND q.rests_until IS NULL AND q.told IS NULL
    ORDER BY q.subscription_id FOR UPDATE;
    GET DIAGNOSTICS locked = ROW_COUNT;
    IF locked < cardinality(endpoints) THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM alerts.delivery d WHERE d.subscription_id = ANY (endpoints) AND d.state = 'queued') THEN
        RETURN false;
    END IF;
    FOR said IN SELECT * FROM unnest(of_endpoint, befores, afters) AS a(id, before, after) LOOP
        IF chain_id IS DISTINCT FROM said.id THEN
            IF chain_id IS NOT NULL THEN
                chain_ids := chain_ids || chain_id;
                chain_links := chain_links || link;
                chain_heads := chain_heads || head;
            END IF;
            chain_id := said.id;
            SELECT c.links, c.hash INTO link, head FROM alerts.chain c WHERE c.subscription_id = chain_id FOR UPDATE;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
        END IF;
        link := link + 1;
        head := sha256(head || said.before || convert_to(link::text, 'UTF8') || said.after);
        links := links || link;
        hashes := hashes || head;
    END LOOP;
    IF chain_id IS NOT NULL THEN
        UPDATE alerts.chain c SET links = h.links, hash = h.hash
        FROM unnest(chain_ids || chain_id, chain_links || link, chain_heads || head) AS h(id, links, hash)
        WHERE c.subscription_id = h.id;
        INSERT INTO alerts.attempt (delivery_id, number, started_at, duration_ms, status, response_excerpt, url,
            body_sha256, subscription_id, link, hash)
        SELECT a.delivery_id, 1, a.started_at, a.duration_ms, a.status, a.excerpt, a.url, a.body_sha256,
            a.subscription_id, a.link, a.hash
        FROM unnest(of_delivery, started, durations_ms, statuses, excerpts, urls, bodies, of_endpoint, links, hashes)
            AS a(delivery_id, started_at, duration_ms, status, excerpt, url, body_sha256, subscription_id, link, hash);
        UPDATE alerts.delivery d SET state = accepted, settled_at = clock_timestamp(), due_at = NULL,
            attempts = d.attempts + 1, first_attempt_at = coalesce(d.first_attempt_at, a.started_at),
            last_attempt_at = a.started_at, first_accepted_at = coalesce(d.first_accepted_at,
                a.started_at + make_interval(secs => a.duration_ms / 1000))
        FROM unnest(of_delivery, started, durations_ms) AS a(delivery_id, started_at, duration_ms)
        WHERE d.delivery_id = a.delivery_id AND d.state = ANY (acceptable);
    END IF;
    -- What was recorded for an endpoint after it was last looked at for this worker is not in its hands.
    UPDATE alerts.queue q SET
        last_accepted_at = CASE WHEN e.recent IS NULL THEN q.last_accepted_at ELSE clock_timestamp() END,
        recent = coalesce(e.recent, q.recent),
        due_at = CASE WHEN e.is_released AND q.last_sequence > e.last_known
            THEN least(q.due_at, clock_timestamp()) ELSE q.due_at END,
        worker_id = CASE WHEN e.is_released THEN NULL ELSE q.worker_id END
    FROM unnest(endpoints, recents, are_released, last_known) AS e(subscription_id, recent, is_released, last_known)
    WHERE q.subscription_id = e.subscription_id;
    RETURN true;
END
$function$
"""


def upgrade() -> None:
    op.execute(FUNCTION)


def downgrade() -> None:
    op.execute("DROP FUNCTION alerts.record_accepted")
