"""Signatures, checked by the official library and by the standard's own example."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from services.alerts.domain.signing import key_of, secret_from, sign, signing_input


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
