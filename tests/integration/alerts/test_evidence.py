"""What was sent, when and with which answer, as a chain that is exported and checked offline."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lanewatch.verifying import Earlier, Report, verify
from services.alerts.background.notary import Notary
from services.alerts.domain.breaker import Health
from services.alerts.domain.evidence import GENESIS, hash_of, link_of, moment
from services.alerts.signing.resealing import reseal
from services.alerts.signing.signers import of_tenant
from services.alerts.signing.vault import SealError, Vault
from services.alerts.signing.vault import read_keys as read_secret_keys
from services.alerts.store import evidence
from services.alerts.store.outcomes import Outcome
from shared.database import transaction
from shared.identity.keys import read_keys
from tests.integration.alerts.receiver import Inbox, Receiver, first
from tests.integration.alerts.service import KEY, Service, lane_changed


@pytest.fixture
def inbox(receiver: Receiver) -> Inbox:
    return receiver.inbox(uuid4().hex, first(500, 1))


async def export(service: Service, subscription_id: object, **query: Any) -> list[bytes]:
    answer = await service.api.get(f"/v1/subscriptions/{subscription_id}/evidence", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content.splitlines()


def earlier(report: Report) -> Earlier:
    return Earlier(report.subscription_id, report.links, report.hash)


async def keys(service: Service) -> dict[str, bytes]:
    """Return the keys that evidence is checked with, as they are published."""
    document = (await service.api.get("/v1/jwks/default/evidence")).content
    found = {kid: each.key for kid, each in read_keys(document).items()}
    return {kid: key.public_bytes_raw() for kid, key in found.items() if isinstance(key, Ed25519PublicKey)}


async def told(service: Service, inbox: Inbox) -> str:
    """Deliver two alerts, the first one at the second try."""
    group = inbox.url[-32:]
    created = await service.subscribe(inbox.url, commodity_groups=[group])
    await service.publish(lane_changed("DE", group=group), lane_changed("FR", group=group))
    await service.wait_for_states("delivered", "delivered", subscription_id=created["subscription_id"])
    return str(created["subscription_id"])


async def test_every_attempt_is_a_link_and_the_export_is_sound(shared_service: Service, inbox: Inbox) -> None:
    subscription_id = await told(shared_service, inbox)
    lines = await export(shared_service, subscription_id, bodies=True)
    published = await keys(shared_service)
    report = verify(lines, published)
    assert report.faults == []
    assert (report.attempts, report.bodies, report.links) == (3, 3, 3)
    assert sum(b'"status":500' in line and b'"response_excerpt":"status 500"' in line for line in lines) == 1
    await shared_service.api.post(f"/v1/subscriptions/{subscription_id}/ping")
    await inbox.wait_for(4)
    await shared_service.wait_for_states(*["delivered"] * 3, subscription_id=subscription_id)
    later = await export(shared_service, subscription_id, after=3)
    assert verify(later, published, earlier(report)).faults == []
    assert (await shared_service.api.delete(f"/v1/subscriptions/{subscription_id}")).status_code == 204
    assert verify(await export(shared_service, subscription_id)).links == 4, "it outlives its subscription"
    beyond = await shared_service.api.get(f"/v1/subscriptions/{subscription_id}/evidence", params={"after": 5})
    assert beyond.status_code == 422
    assert (await shared_service.api.get(f"/v1/subscriptions/{uuid4()}/evidence")).status_code == 404


@pytest.mark.parametrize(
    "harm,says",
    [
        (
            "UPDATE alerts.attempt SET status = 204 WHERE subscription_id = :id AND status = 500",
            "does not give its hash",
        ),
        ("UPDATE alerts.attempt SET response_excerpt = '' WHERE subscription_id = :id AND status = 500", "its hash"),
        ("DELETE FROM alerts.attempt WHERE subscription_id = :id AND link = 2", "link 2 is missing before link 3"),
        (
            "DELETE FROM alerts.attempt WHERE subscription_id = :id AND link = 3",
            "link 3 is missing before the checkpoint",
        ),
        ("DELETE FROM alerts.attempt WHERE subscription_id = :id", "links 1 to 3 are missing before the checkpoint"),
        (
            """WITH gone AS (DELETE FROM alerts.attempt WHERE subscription_id = :id AND link = 3)
            UPDATE alerts.chain c SET links = 2, hash = (
                SELECT hash FROM alerts.attempt t WHERE t.subscription_id = :id AND link = 2)
            WHERE subscription_id = :id""",
            "link 3 is missing before the checkpoint of link 3",
        ),
    ],
)
async def test_what_is_changed_in_the_database_is_seen(
    shared_service: Service, inbox: Inbox, harm: str, says: str
) -> None:
    subscription_id = await told(shared_service, inbox)
    await Notary(shared_service.app.state.engine, shared_service.app.state.vault, 1).sign()
    await shared_service.sql(f"{harm} RETURNING 1", id=UUID(subscription_id))
    assert says in "\n".join(verify(await export(shared_service, subscription_id)).faults)


async def test_a_channels_webhook_is_not_given_away(shared_service: Service, inbox: Inbox) -> None:
    form = {"name": "people", "url": inbox.url, "format": "slack"}
    created = (await shared_service.api.post("/v1/subscriptions", json=form)).json()
    await shared_service.api.post(f"/v1/subscriptions/{created['subscription_id']}/ping")
    await inbox.wait_for(1)
    await shared_service.wait_for_states("delivered", subscription_id=created["subscription_id"])
    lines = await export(shared_service, created["subscription_id"])
    text = b"\n".join(lines).decode()
    assert f'"{inbox.url.rpartition("/")[0]}/#sha256=' in text
    assert inbox.url not in text
    assert verify(lines).faults == []


def outcomes(subscription_id: UUID, count: int) -> list[Outcome]:
    now = datetime.now(UTC)
    return [
        Outcome(
            subscription_id, uuid4(), 1, now + timedelta(microseconds=number), 1.5, 204, None, None,
            "accept", None, frees_lane=True, next_step=0, next_at=None, health=Health(),
            url="https://example.org", body_sha256=bytes(32),
        )
        for number in range(count)
    ]  # fmt: skip


async def test_what_was_recorded_though_nobody_heard_of_it_is_no_second_link(api_only: Service) -> None:
    created = await api_only.subscribe("http://127.0.0.1:8999/")
    subscription_id = UUID(created["subscription_id"])
    first_ones, others = outcomes(subscription_id, 3), outcomes(subscription_id, 2)
    for batch in (first_ones, [*first_ones, *others], others):
        async with transaction(api_only.app.state.engine) as connection:
            await evidence.append(connection, batch)
    report = verify(await export(api_only, subscription_id))
    assert (report.faults, report.attempts) == ([], 5)


async def test_chains_that_grew_are_signed_once_by_any_number_of_processes(api_only: Service) -> None:
    engine = api_only.app.state.engine
    ids = [UUID((await api_only.subscribe("http://127.0.0.1:8999/"))["subscription_id"]) for _ in range(3)]
    async with transaction(engine) as connection:
        await evidence.append(connection, [o for i in ids for o in outcomes(i, 2)])
    notaries = [Notary(engine, api_only.app.state.vault, 1) for _ in range(2)]
    await asyncio.gather(*(notary.sign() for notary in notaries))
    assert await notaries[0].sign() == 0
    for subscription_id in ids:
        report = verify(await export(api_only, subscription_id))
        assert (report.faults, report.checkpoints) == ([], 2), "the stored one and the closing one"


async def signed_chain(service: Service) -> UUID:
    """Return a subscription with two links, signed."""
    subscription_id = UUID((await service.subscribe("http://127.0.0.1:8999/"))["subscription_id"])
    async with transaction(service.app.state.engine) as connection:
        await evidence.append(connection, outcomes(subscription_id, 2))
    await Notary(service.app.state.engine, service.app.state.vault, 1).sign()
    return subscription_id


async def test_what_a_retired_key_signed_stays_valid_by_its_public_part(api_only: Service) -> None:
    subscription_id = await signed_chain(api_only)
    for overlap_s in (3600, 0):
        (await api_only.api.post("/v1/signing-keys/rotate", json={"overlap_s": overlap_s})).raise_for_status()
    report = verify(await export(api_only, subscription_id), await keys(api_only))
    assert (report.faults, len(report.key_ids)) == ([], 2)
    present = {key["kid"] for key in (await api_only.get("/v1/jwks/default"))["keys"]}
    shown = {key["kid"]: key["signs_until"] for key in (await api_only.get("/v1/jwks/default/evidence"))["keys"]}
    assert present < set(shown)
    assert {kid for kid, until in shown.items() if until is None or until > moment(datetime.now(UTC))} == present
    vault = api_only.app.state.vault
    for row in await api_only.sql("SELECT tenant, key_id, sealed FROM alerts.signing_key WHERE signs_until < now()"):
        with pytest.raises(SealError):
            vault.open(row.sealed, of_tenant(row.tenant, row.key_id))
    assert await reseal(api_only.app.state.engine, Vault([b"n" * 32, *read_secret_keys(KEY)])) >= 2
    assert await reseal(api_only.app.state.engine, Vault([*read_secret_keys(KEY), b"n" * 32])) >= 2
    assert (await keys(api_only)).keys() == shown.keys()


async def test_a_key_that_was_put_into_the_database_is_not_published_for_evidence(api_only: Service) -> None:
    await signed_chain(api_only)
    (await api_only.api.post("/v1/signing-keys/rotate", json={"overlap_s": 0})).raise_for_status()
    before = await keys(api_only)
    for public_only in (True, False):
        await api_only.sql(
            """INSERT INTO alerts.signing_key (tenant, key_id, public, sealed, signs_until, is_public_only)
            SELECT tenant, key_id || :public_only, :public, sealed, now(), CAST(:public_only AS boolean)
            FROM alerts.signing_key WHERE signs_until IS NULL RETURNING 1""",
            public=bytes(32),
            public_only=str(public_only),
        )
    assert await keys(api_only) == before
    exchange = "UPDATE alerts.signing_key SET public = :public WHERE public = :known RETURNING 1"
    for known in before.values():
        await api_only.sql(exchange, public=bytes(32), known=known)
        assert known not in (changed := await keys(api_only)).values()
        assert len(changed) == len(before) - 1
        await api_only.sql(exchange, public=known, known=bytes(32))


FORGE = """WITH forged AS (
    UPDATE alerts.attempt SET hash = n.hash
    FROM unnest(CAST(:links AS bigint[]), CAST(:hashes AS bytea[])) AS n(no, hash)
    WHERE subscription_id = :id AND link = n.no
)
UPDATE alerts.chain SET links = :head, hash = :hash WHERE subscription_id = :id RETURNING 1"""
GONE = "DELETE FROM alerts.checkpoint WHERE subscription_id = :id RETURNING 1"
UNSIGNED = "UPDATE alerts.checkpoint SET signature = sha256(signature) || hash WHERE subscription_id = :id RETURNING 1"
ANEW = "UPDATE alerts.checkpoint SET hash = :hash WHERE subscription_id = :id RETURNING 1"


@pytest.mark.parametrize("hides", [GONE, UNSIGNED, ANEW])
async def test_a_past_that_was_made_anew_in_the_database_is_not_signed(api_only: Service, hides: str) -> None:
    engine = api_only.app.state.engine
    subscription_id = await signed_chain(api_only)
    async with transaction(engine) as connection:
        await evidence.append(connection, outcomes(subscription_id, 1))
    harm = "UPDATE alerts.attempt SET status = 500 WHERE subscription_id = :id AND link = 1 RETURNING 1"
    await api_only.sql(harm, id=subscription_id)
    async with transaction(engine) as connection:
        rows = await evidence.links(connection, subscription_id, 0, 3, 9, bodies=False)
    hashes = [GENESIS]
    for row in rows:
        hashes.append(hash_of(hashes[-1], link_of(row, row.link)))
    forged = {"links": [row.link for row in rows], "hashes": hashes[1:], "head": 3, "hash": hashes[-1]}
    await api_only.sql(FORGE, id=subscription_id, **forged)
    await api_only.sql(hides, id=subscription_id, **({"hash": hashes[2]} if hides == ANEW else {}))
    notary = Notary(engine, api_only.app.state.vault, 1)
    assert await notary.sign() == 0
    assert set(notary.refused) == {subscription_id}
    assert str(subscription_id) in str(await notary.check())
    report = verify(await export(api_only, subscription_id), await keys(api_only))
    assert "the service would not sign it" in report.faults[-1]
    await api_only.sql("DELETE FROM alerts.chain WHERE subscription_id = :id RETURNING 1", id=subscription_id)


async def test_what_came_since_the_last_checkpoint_is_signed_only_if_it_is_whole(api_only: Service) -> None:
    engine = api_only.app.state.engine
    harmed, whole = await signed_chain(api_only), await signed_chain(api_only)
    async with transaction(engine) as connection:
        await evidence.append(connection, [o for i in (harmed, whole) for o in outcomes(i, 1200)])
    harm = "UPDATE alerts.attempt SET error = 'x' WHERE subscription_id = :id AND link = 700 RETURNING 1"
    await api_only.sql(harm, id=harmed)
    notary = Notary(engine, api_only.app.state.vault, 1)
    await notary.sign()
    assert notary.refused == {harmed: "link 700 does not give its hash after the one before"}
    assert await api_only.sql("SELECT signed_links FROM alerts.chain WHERE subscription_id = :id", id=whole) == [
        (1202,)
    ]
    report = verify(await export(api_only, whole), await keys(api_only))
    assert report.faults == []
    await api_only.sql("DELETE FROM alerts.chain WHERE subscription_id = :id RETURNING 1", id=harmed)
