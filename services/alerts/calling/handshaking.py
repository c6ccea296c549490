"""Asks an endpoint to echo a challenge."""

import secrets
from datetime import UTC, datetime
from math import floor
from uuid import uuid4

from services.alerts.calling.posting import Poster
from services.alerts.delivery.sender import USER_AGENT
from services.alerts.domain.formats import CONTENT_TYPES
from services.alerts.domain.handshake import body_of, fault_of
from services.alerts.signing.signers import Signers
from services.alerts.signing.vault import SealError
from services.alerts.store.subscriptions import Subscription


class Handshake:
    """Asks by the same guarded way by which alerts are sent."""

    def __init__(self, poster: Poster, signers: Signers) -> None:
        self._poster = poster
        self._signers = signers

    async def fault_of(self, subscription: Subscription, url: str, signing: str) -> str | None:
        """Return why the endpoint did not pass, None when it did; never raises but when it is cancelled."""
        now, webhook_id, challenge = datetime.now(UTC), str(uuid4()), secrets.token_urlsafe(24)
        subscription_id = subscription.subscription_id
        body = body_of(challenge, webhook_id, now, subscription_id=str(subscription_id), name=subscription.name)
        try:
            signature = self._signers.of(subscription_id, signing).header(webhook_id, now, body)
        except (SealError, ValueError) as error:
            return f"it cannot be signed: {error}"
        headers = {
            "content-type": CONTENT_TYPES["cloudevents"],
            "user-agent": USER_AGENT,
            "accept": "*/*",
            "accept-encoding": "identity",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(floor(now.timestamp())),
            "webhook-signature": signature,
            "lanewatch-verification": "true",
        }
        response = await self._poster.post(url, body, headers)
        return fault_of(challenge, response.answer, response.excerpt)
