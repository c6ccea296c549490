"""Only a body that was signed with its sender's secret, as the scheme says, holds; late replays are refused."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from services.ingest.domain.faults import Fault
from services.ingest.domain.signatures import TOLERANCE_S, Claim, claim_of, holds

NOW = 1_750_000_000.0
KEY, OTHER = b"k" * 32, b"o" * 32
BODY = b'[{"eventType": "TRANSPORT"}]\n'


def raw(**headers: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]


def notification(key: bytes = KEY, body: bytes = BODY) -> str:
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def webhook(key: bytes = KEY, body: bytes = BODY, at: float = NOW, message_id: str = "m-1") -> dict[str, str]:
    moment = datetime.fromtimestamp(at, UTC)
    signature = Webhook(base64.b64encode(key).decode()).sign(message_id, moment, body.decode())
    return {
        "webhook_id": message_id,
        "webhook_timestamp": str(int(at)),
        "webhook_signature": signature,
    }


def is_held(headers: list[tuple[bytes, bytes]], body: bytes = BODY, keys: tuple[bytes, ...] = (KEY,)) -> bool:
    claim = claim_of(headers, NOW)
    assert isinstance(claim, Claim), claim
    return holds(claim, keys, body)


def test_the_example_of_hmac_sha256_holds() -> None:
    """RFC 4231, test case 2."""
    signature = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert is_held(raw(notification_signature=signature), b"what do ya want for nothing?", (b"Jefe",))


@pytest.mark.parametrize("dress", [str, str.upper, lambda text: f"  {text} "])
def test_a_signed_notification_holds(dress: object) -> None:
    assert callable(dress)
    assert is_held(raw(notification_signature=dress(notification())))


def test_what_the_official_library_signs_holds() -> None:
    assert is_held(raw(**webhook()))


def test_either_of_two_secrets_holds_while_they_change() -> None:
    assert is_held(raw(notification_signature=notification()), keys=(OTHER, KEY))
    both = webhook()
    both["webhook_signature"] = f"{webhook(OTHER)['webhook_signature']} v1a,abc {both['webhook_signature']}"
    assert is_held(raw(**both))


def test_another_body_secret_id_or_time_does_not_hold() -> None:
    assert not is_held(raw(notification_signature=notification()), BODY + b" ")
    assert not is_held(raw(notification_signature=notification(OTHER)))
    assert not is_held(raw(**webhook()), BODY + b" ")
    assert not is_held(raw(**webhook(OTHER)))
    assert not is_held(raw(**(webhook() | {"webhook_id": "m-2"})))
    assert not is_held(raw(**(webhook() | {"webhook_timestamp": str(int(NOW) + 1)})))


def test_a_body_does_not_hold_under_the_other_scheme() -> None:
    """The id and time stand before the body, so that neither can be taken for a part of the other."""
    signed = base64.b64encode(hmac.new(KEY, BODY, hashlib.sha256).digest()).decode()
    assert not is_held(raw(webhook_id="m-1", webhook_timestamp=str(int(NOW)), webhook_signature=f"v1,{signed}"))


@pytest.mark.parametrize("late_s", [TOLERANCE_S + 1, -TOLERANCE_S - 1])
def test_a_replay_is_refused_when_it_is_late_or_early(late_s: float) -> None:
    assert is_held(raw(**webhook(at=NOW - late_s / 2)))
    fault = claim_of(raw(**webhook(at=NOW - late_s)), NOW)
    assert isinstance(fault, Fault)
    assert (fault.status, fault.errors[0].header) == (401, "webhook-timestamp")


GOOD = webhook()


@pytest.mark.parametrize(
    "headers, named",
    [
        ({}, ["notification-signature", "webhook-signature"]),
        ({"notification_signature": ""}, ["notification-signature"]),
        ({"notification_signature": "sha256="}, ["notification-signature"]),
        ({"notification_signature": "sha1=" + "0" * 40}, ["notification-signature"]),
        ({"notification_signature": "sha256=" + "0" * 63}, ["notification-signature"]),
        ({"notification_signature": "sha256=" + "\u0660" * 64}, ["notification-signature"]),
        ({"notification_signature": "plain=secret"}, ["notification-signature"]),
        ({**GOOD, "webhook_id": ""}, ["webhook-id"]),
        ({**GOOD, "webhook_id": "x" * 300}, ["webhook-id"]),
        ({**GOOD, "webhook_timestamp": ""}, ["webhook-timestamp"]),
        ({**GOOD, "webhook_timestamp": "-1"}, ["webhook-timestamp"]),
        ({**GOOD, "webhook_timestamp": "1" * 5000}, ["webhook-timestamp"]),
        ({**GOOD, "webhook_timestamp": "²"}, ["webhook-timestamp"]),
        ({**GOOD, "webhook_signature": "v1,"}, ["webhook-signature"]),
        ({**GOOD, "webhook_signature": "v2," + "A" * 44}, ["webhook-signature"]),
        ({**GOOD, "webhook_signature": "v1,QUJD"}, ["webhook-signature"]),
        ({**GOOD, "notification_signature": notification()}, ["notification-signature"]),
    ],
)
def test_headers_that_are_no_signature_are_named(headers: dict[str, str], named: list[str]) -> None:
    sent = [(name.replace("_", "-").encode(), value.encode("utf-8")) for name, value in headers.items()]
    fault = claim_of(sent, NOW)
    assert isinstance(fault, Fault)
    assert fault.status == 401
    assert [flaw.header for flaw in fault.errors] == named


@pytest.mark.parametrize("name", ["notification_signature", *GOOD])
def test_a_header_that_stands_twice_is_named(name: str) -> None:
    headers = raw(notification_signature=notification()) if name.startswith("not") else raw(**GOOD)
    fault = claim_of([*headers, next(pair for pair in headers if pair[0].decode() == name.replace("_", "-"))], NOW)
    assert isinstance(fault, Fault)
    assert (fault.errors[0].header, fault.errors[0].detail) == (name.replace("_", "-"), "stands twice")
