"""What is sent is written as the subscription wants it, and what is signed is what is sent."""

import json
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from services.alerts.calling.posting import Poster, Response
from services.alerts.delivery.sender import Sender
from services.alerts.domain.formats import Links, written
from services.alerts.domain.retries import Answer
from services.alerts.domain.signing import Signer, Until
from services.alerts.domain.wishes import Format
from services.alerts.signing.signers import Signers
from services.alerts.store.claims import Due, Endpoint
from shared.examples import alert_event

BODY = json.dumps(alert_event("lanewatch.lane.changed")).encode()
DUE = Due(UUID(int=1), UUID(int=2), None, 0, 0, None, None, datetime.now(UTC), "k", BODY, sequence=7)
SIGNER = Signer((Until(b"k" * 32),))


class FakeSigners:
    """Has one signer for all."""

    def of(self, *_: object) -> Signer:
        return SIGNER


class FakePoster:
    """Keeps what it is to post."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> Response:
        self.posted.append((url, body, headers))
        return Response(Answer(status=200), b"ok")


@pytest.mark.parametrize(
    "format,content_type",
    [
        ("cloudevents", "application/cloudevents+json"),
        ("slack", "application/json"),
        ("teams", "application/json"),
    ],
)
async def test_an_alert_is_sent_and_signed_as_the_subscription_wants_it(format: Format, content_type: str) -> None:
    poster = FakePoster()
    now = datetime(2025, 6, 1, tzinfo=UTC)
    sender = Sender(
        cast("Poster", poster), cast("Signers", FakeSigners()), lambda: now, public_url="https://alerts.example.org/"
    )
    endpoint: Any = Endpoint(DUE.subscription_id, "https://e.example.org/", "", None, format=format)
    attempt = await sender.send(endpoint, DUE)
    ((url, body, headers),) = poster.posted
    assert (url, attempt.answer.status, headers["content-type"]) == ("https://e.example.org/", 200, content_type)
    assert body == written(format, BODY, Links("https://alerts.example.org", str(DUE.delivery_id)))
    assert (body == BODY) is (format == "cloudevents")
    assert headers["webhook-signature"] == SIGNER.header(headers["webhook-id"], now, body)
    assert headers["lanewatch-sequence"] == "7"
