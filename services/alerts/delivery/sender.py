"""Makes one attempt: a signed POST, with every way in which it can end told as a value."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.alerts.calling.posting import Poster, Response
from services.alerts.domain.formats import CONTENT_TYPES, Links, written
from services.alerts.domain.retries import Answer
from services.alerts.domain.signing import Signer
from services.alerts.signing.signers import Signers
from services.alerts.signing.vault import SealError
from services.alerts.store.claims import Due, Endpoint

USER_AGENT = "lanewatch-alerts/1"


@dataclass(frozen=True)
class Attempt:
    """One try: when, how long, and how it ended."""

    started_at: datetime
    duration_ms: float
    answer: Answer
    response_excerpt: str | None
    url: str = ""
    body_sha256: bytes = b""


class Sender:
    """Sends deliveries."""

    def __init__(
        self,
        poster: Poster,
        signers: Signers,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        public_url: str = "",
    ) -> None:
        self.poster = poster
        self.signers = signers
        self.now = now
        self.public_url = public_url.rstrip("/")

    async def send(self, endpoint: Endpoint, due: Due) -> Attempt:
        """Post a delivery; never raises but when it is cancelled."""
        started_at, clock, body = self.now(), time.perf_counter(), due.body
        try:
            signer = self.signers.of(endpoint.subscription_id, endpoint.signing)
        except (SealError, ValueError) as error:
            response = Response(Answer(error=f"not sent, for it cannot be signed: {error}"))
        else:
            body = written(endpoint.format, due.body, Links(self.public_url, str(due.delivery_id)))
            named = headers(signer, due._replace(body=body), started_at)
            response = await self.poster.post(
                endpoint.url, body, named | {"content-type": CONTENT_TYPES[endpoint.format]}
            )
        duration_ms = (time.perf_counter() - clock) * 1000
        digest = hashlib.sha256(body).digest()
        return Attempt(
            started_at, round(duration_ms, 3), response.answer, readable(response.excerpt), endpoint.url, digest
        )


def broken(endpoint: Endpoint, due: Due) -> Attempt:
    """Return the attempt of which nothing is known but that the service itself failed in it."""
    answer = Answer(error="the service failed in an unforeseen way; its log tells how")
    return Attempt(datetime.now(UTC), 0.0, answer, None, endpoint.url, hashlib.sha256(due.body).digest())


def headers(signer: Signer, due: Due, now: datetime) -> dict[str, str]:
    """Return the headers of an attempt: Standard Webhooks 1.0, the attempt's number and the alert's."""
    webhook_id, timestamp = str(due.delivery_id), math.floor(now.timestamp())
    number = {} if due.sequence is None else {"lanewatch-sequence": str(due.sequence)}
    return {
        "content-type": CONTENT_TYPES["cloudevents"],
        "user-agent": USER_AGENT,
        "accept": "*/*",
        "accept-encoding": "identity",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signer.header(webhook_id, now, due.body),
        "lanewatch-attempt": str(due.attempts + 1),
        **({"lanewatch-recovery": str(due.recovery_id)} if due.recovery_id else {}),
        **number,
        **({"lanewatch-test": "true"} if due.is_test else {}),
        **({"lanewatch-escalated-from": due.escalated_from} if due.escalated_from else {}),
    }


def readable(excerpt: bytes) -> str | None:
    """Return the beginning of an answer as text that PostgreSQL can hold; None when there is nothing."""
    return excerpt.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}") or None
