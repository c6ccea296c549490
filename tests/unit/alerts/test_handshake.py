"""What an endpoint may answer to a challenge, and which are not asked."""

from datetime import UTC, datetime

import msgspec
import pytest

from services.alerts.domain.handshake import body_of, fault_of, is_exempt
from services.alerts.domain.retries import Answer
from services.alerts.domain.wishes import Format

CHALLENGE = "GQ3-hV_8"


def test_the_question_is_an_event_that_carries_the_challenge() -> None:
    now = datetime(2025, 4, 4, 9, tzinfo=UTC)
    event = msgspec.json.decode(body_of(CHALLENGE, "1", now, subscription_id="s", name="Magnets"))
    assert event["type"] == "lanewatch.endpoint.verification"
    assert event["data"] == {"challenge": CHALLENGE, "subscription_id": "s", "name": "Magnets"}


@pytest.mark.parametrize(
    "excerpt",
    [b"GQ3-hV_8", b" GQ3-hV_8\r\n", b'{"challenge":"GQ3-hV_8"}', b'\n{ "ok": true, "challenge": "GQ3-hV_8" }'],
)
def test_the_challenge_as_text_or_in_json_passes(excerpt: bytes) -> None:
    assert fault_of(CHALLENGE, Answer(status=200), excerpt) is None
    assert fault_of(CHALLENGE, Answer(status=404), excerpt) == "answered with status 404"
    assert fault_of(CHALLENGE, Answer(error="the answer broke off"), excerpt) == "the answer broke off"


@pytest.mark.parametrize(
    "excerpt",
    [
        b"",
        b"GQ3-hV_9",
        b"GQ3-hV_8x",
        b'"GQ3-hV_8"',
        b"{}",
        b"{",
        b'{"challenge":null}',
        b'{"data":{"challenge":"GQ3-hV_8"}}',
        b"\xff\xfe",
        b'{"challenge":"\xff"}',
        b'["GQ3-hV_8"]',
    ],
)
def test_anything_else_does_not(excerpt: bytes) -> None:
    assert "without the challenge" in str(fault_of(CHALLENGE, Answer(status=200), excerpt))


@pytest.mark.parametrize(
    "url, format, exempt",
    [
        ("https://hooks.slack.com/services/T/B/x", "slack", True),
        ("https://hooks.slack.com/services/T/B/x", "cloudevents", False),
        ("https://hooks.slack.com.example.org/", "slack", False),
        ("https://nothooks.slack.com/", "slack", False),
        ("https://contoso.webhook.office.com/webhookb2/x", "teams", True),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x", "teams", True),
        ("https://webhook.office.com.example.org/", "teams", False),
        ("https://contoso.webhook.office.com/webhookb2/x", "slack", False),
    ],
)
def test_only_webhooks_of_channels_need_not_answer(url: str, format: Format, exempt: bool) -> None:
    assert is_exempt(url, format) is exempt
