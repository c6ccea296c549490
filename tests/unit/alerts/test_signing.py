"""Signatures, checked by the official library and by the standard's own example."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from services.alerts.domain.signing import (
    Signer,
    Until,
    jwk,
    key_id_of,
    key_of,
    public_text,
    secret_from,
    sign,
    sign_asymmetric,
    signing_input,
)


def test_the_example_of_the_standards_own_test_suites() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published in the standard
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign(key_of(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


@given(st.binary(min_size=24, max_size=64), st.uuids(), st.text(st.characters(exclude_categories=["Cs"])))
def test_the_official_library_signs_alike(key: bytes, webhook_id: object, text: str) -> None:
    now = datetime.now(UTC)
    body = text.encode()
    ours = sign(key_of(secret_from(key)), str(webhook_id), int(now.timestamp()), body)
    assert ours == Webhook(secret_from(key)).sign(str(webhook_id), now, text)


def test_the_input_is_id_time_and_body() -> None:
    assert signing_input("msg_1", 7, b"{}") == b"msg_1.7.{}"


@pytest.mark.parametrize(
    "secret,reason",
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begin with"),
        ("whsec_%%%", "base64"),
        ("whsec_", "0"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "23"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "65"),
    ],
)
def test_a_bad_secret_is_refused(secret: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        key_of(secret)


# The key and signature of the reference implementation's own test; the specification shows the same signature.
SEED = base64.b64decode("6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=")
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
SIGNED = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


def test_the_example_of_an_asymmetric_signature() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    assert public_text(key.public_key().public_bytes_raw()) == PUBLIC
    assert sign_asymmetric(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == SIGNED


def test_a_public_key_is_written_as_rfc_8037_does() -> None:
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    shown = jwk(public)
    assert shown["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert (shown["kty"], shown["crv"]) == ("OKP", "Ed25519")
    assert shown["kid"] == key_id_of(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert "d" not in shown


def test_every_key_that_signs_now_does_and_no_other() -> None:
    now = datetime(2025, 4, 4, tzinfo=UTC)
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    over, soon = now, now + timedelta(seconds=1)
    signer = Signer(
        (Until(b"a" * 24), Until(b"b" * 24, soon), Until(b"c" * 24, over)),
        (Until(key), Until(key, soon), Until(key, over)),
    )
    said = [sign(k * 24, "id", int(now.timestamp()), b"{}") for k in (b"a", b"b")]
    said += [sign_asymmetric(key, "id", int(now.timestamp()), b"{}")] * 2
    assert signer.header("id", now, b"{}").split(" ") == said


@given(st.binary(max_size=200))
def test_the_official_library_finds_its_signature_among_others(body: bytes) -> None:
    """It only takes text, so other bodies are left to the test above."""
    text, now = base64.b64encode(body).decode(), datetime.now(UTC)
    old, new = secret_from(b"a" * 24), secret_from(b"b" * 24)
    signer = Signer((Until(key_of(new)), Until(key_of(old))), (Until(Ed25519PrivateKey.from_private_bytes(SEED)),))
    headers = {
        "webhook-id": "id",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.header("id", now, f'"{text}"'.encode()),
    }
    for secret in (old, new):
        assert Webhook(secret).verify(f'"{text}"', headers) == text
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(f'"{text} "', headers)
