"""Signatures of both kinds as receivers see them, their rotation, and secrets as the database keeps them."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import WebhookVerificationError

from services.alerts.signing.resealing import reseal
from services.alerts.signing.vault import Vault, read_keys
from services.alerts.store.secrets import not_sealed_by
from shared.database import transaction
from tests.integration.alerts.receiver import Got, Receiver
from tests.integration.alerts.service import KEY, Service, lane_changed

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published in the standard
URL = "https://example.org/hook"


async def subscribe(service: Service, url: str, **more: Any) -> dict[str, Any]:
    answer = await service.api.post("/v1/subscriptions", json={"name": "n", "url": url, **more})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def post(service: Service, path: str, **form: Any) -> Any:
    answer = await service.api.post(path, json=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def kinds(got: Got) -> list[str]:
    return [each.partition(",")[0] for each in got.headers["webhook-signature"].split(" ")]


def is_verified(got: Got, jwk: dict[str, str]) -> bool:
    """Whether one of the signatures is by this public key."""
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(jwk["x"] + "="))
    said = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    for each in got.headers["webhook-signature"].split(" "):
        kind, _, text = each.partition(",")
        try:
            if kind == "v1a":
                key.verify(base64.b64decode(text), said)
                return True
        except InvalidSignature:
            continue
    return False


async def next_of(service: Service, receiver: Receiver, name: str = "hook") -> Got:
    """Publish an alert and return it as it arrived."""
    inbox = receiver.inboxes[name]
    count = len(inbox.got)
    await service.publish(lane_changed(sequence=count + 1))
    return (await inbox.wait_for(count + 1))[-1]


async def test_a_secret_is_replaced_while_both_sign(service: Service, receiver: Receiver) -> None:
    made = await subscribe(service, receiver.inbox().url)
    path = f"/v1/subscriptions/{made['subscription_id']}"
    (await next_of(service, receiver)).verify(made["secret"])
    rotated = await post(service, f"{path}/secret/rotate", overlap_s=3600)
    assert rotated["previous_until"] is not None
    assert rotated["secret"] != made["secret"]
    during = await next_of(service, receiver)
    assert kinds(during) == ["v1", "v1"]
    for secret in (made["secret"], rotated["secret"]):
        during.verify(secret)
    await service.sql("UPDATE alerts.secret SET before_until = clock_timestamp() RETURNING 1")
    after = await next_of(service, receiver)
    assert kinds(after) == ["v1"]
    after.verify(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        after.verify(made["secret"])
    assert (await service.get(path))["secret"] is None


async def test_a_secret_that_is_known_to_others_is_replaced_at_once(service: Service, receiver: Receiver) -> None:
    made = await subscribe(service, receiver.inbox().url)
    path = f"/v1/subscriptions/{made['subscription_id']}/secret/rotate"
    assert await post(service, path, overlap_s=0, secret=SECRET) == {"secret": SECRET, "previous_until": None}
    got = await next_of(service, receiver)
    assert kinds(got) == ["v1"]
    got.verify(SECRET)


async def test_alerts_are_signed_by_the_tenants_key_while_it_is_replaced(service: Service, receiver: Receiver) -> None:
    made = await subscribe(service, receiver.inbox().url, signature="ed25519")
    assert (made["secret"], made["signature"]) == (None, "ed25519")
    path = f"/v1/subscriptions/{made['subscription_id']}"
    shown = await service.get(f"{path}/signature")
    (first,) = (await service.get("/.well-known/jwks.json"))["keys"]
    assert (await service.get(shown["jwks_path"]))["keys"] == [first]
    assert [key["key_id"] for key in shown["public_keys"]] == [first["kid"]]
    got = await next_of(service, receiver)
    assert kinds(got) == ["v1a"]
    assert is_verified(got, first)
    new, old = await post(service, "/v1/signing-keys/rotate", overlap_s=3600)
    assert old["key_id"] == first["kid"]
    assert old["signs_until"] is not None
    both = (await service.get("/v1/jwks/default"))["keys"]
    assert [key["kid"] for key in both] == [new["key_id"], old["key_id"]]
    got = await next_of(service, receiver)
    assert kinds(got) == ["v1a", "v1a"]
    assert [is_verified(got, key) for key in both] == [True, True]
    await service.sql(
        "UPDATE alerts.signing_key SET signs_until = clock_timestamp() WHERE signs_until > now() RETURNING 1"
    )
    got = await next_of(service, receiver)
    assert [is_verified(got, key) for key in both] == [True, False]
    assert (await service.api.post(f"{path}/secret/rotate")).status_code == 409


async def test_a_subscription_changes_its_kind_of_signature(service: Service, receiver: Receiver) -> None:
    made = await subscribe(service, receiver.inbox().url, signature="both")
    path = f"/v1/subscriptions/{made['subscription_id']}/signature"
    (key,) = (await service.get("/v1/jwks/default"))["keys"]
    got = await next_of(service, receiver)
    assert kinds(got) == ["v1", "v1a"]
    got.verify(made["secret"])
    assert is_verified(got, key)
    answer = await service.api.put(path, json={"signature": "hmac"})
    assert (answer.json()["signature"], answer.json()["secret"]) == ("hmac", None)
    got = await next_of(service, receiver)
    assert kinds(got) == ["v1"]
    got.verify(made["secret"])


async def test_a_secret_is_made_when_it_comes_to_be_needed(api_only: Service) -> None:
    made = await subscribe(api_only, URL, signature="ed25519")
    path = f"/v1/subscriptions/{made['subscription_id']}/signature"
    first, again = [(await api_only.api.put(path, json={"signature": "hmac"})).json() for _ in range(2)]
    assert first["secret"].startswith("whsec_")
    assert again["secret"] is None


async def test_one_tenant_has_no_key_of_another(api_only: Service) -> None:
    await subscribe(api_only, URL, signature="ed25519")
    assert len((await api_only.get("/v1/jwks/default"))["keys"]) == 1
    assert (await api_only.get("/v1/jwks/other"))["keys"] == []


async def test_a_secret_that_would_not_be_used_is_refused(api_only: Service) -> None:
    form = {"name": "n", "url": URL, "secret": SECRET, "signature": "ed25519"}
    assert (await api_only.api.post("/v1/subscriptions", json=form)).status_code == 422


async def test_no_row_holds_a_secret_that_can_be_read(api_only: Service) -> None:
    made = await subscribe(api_only, URL, secret=SECRET, signature="both")
    await post(api_only, f"/v1/subscriptions/{made['subscription_id']}/secret/rotate")
    rows = await api_only.sql("SELECT * FROM alerts.subscription JOIN alerts.secret USING (subscription_id)")
    rows += await api_only.sql("SELECT * FROM alerts.signing_key")
    assert len(rows) >= 2
    assert "whsec" not in str(rows)
    assert SECRET.removeprefix("whsec_") not in str(rows)


async def test_secrets_from_before_are_sealed_and_old_keys_replaced(api_only: Service) -> None:
    engine = api_only.app.state.engine
    ids = [(await subscribe(api_only, URL, signature="both"))["subscription_id"] for _ in range(3)]
    # As the migration leaves what an earlier version has stored.
    plain = "UPDATE alerts.secret SET sealed = :secret WHERE subscription_id = :id RETURNING 1"
    await api_only.sql(plain, secret=SECRET, id=ids[0])
    current, other = read_keys(KEY)[0], b"n" * 32
    assert await reseal(engine, Vault([current])) == 1
    new = Vault([other, current])
    assert await reseal(engine, new) >= 4
    assert await reseal(engine, new) == 0
    async with transaction(engine) as connection:
        assert not await not_sealed_by(connection, f"v1.{new.current}.", UUID(int=0), 10)
    (sealed,) = await api_only.sql("SELECT sealed FROM alerts.secret WHERE subscription_id = :id", id=ids[0])
    assert Vault([other]).open(sealed.sealed, f"subscription {ids[0]}") == SECRET.encode()
    await reseal(engine, Vault([current, other]))


async def test_what_another_key_sealed_is_told_and_not_sent(service: Service, receiver: Receiver) -> None:
    inbox = receiver.inbox()
    made = await subscribe(service, inbox.url)
    sealed = Vault([b"x" * 32]).seal(SECRET.encode(), f"subscription {made['subscription_id']}")
    await service.sql("UPDATE alerts.secret SET sealed = :sealed RETURNING 1", sealed=sealed)
    await service.publish(lane_changed())
    (delivery,) = await service.wait_for_states("exhausted")
    log = (await service.get(f"/v1/deliveries/{delivery['delivery_id']}"))["log"]
    assert {attempt["error"].partition(": ")[0] for attempt in log} == {"not sent, for it cannot be signed"}
    assert inbox.got == []


async def test_a_rotation_that_says_nothing_of_itself_overlaps_for_a_day(api_only: Service) -> None:
    made = await api_only.subscribe("http://127.0.0.1:9999/")
    rotated = await api_only.api.post(f"/v1/subscriptions/{made['subscription_id']}/secret/rotate")
    left = datetime.fromisoformat(rotated.json()["previous_until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)
    assert (await api_only.api.post("/v1/signing-keys/rotate")).status_code == 200
    refused = await api_only.api.post("/v1/signing-keys/rotate", json={"overlap": 1})
    assert refused.json()["errors"] == [{"pointer": "/overlap", "detail": "unknown field"}]
