"""The handshake by which an endpoint shows that it wants what is sent to it: a challenge, echoed.

It is a signed POST like any other, so that whoever answers has read a body and not only accepted a request.
"""

import hmac
from datetime import datetime
from typing import Any

import msgspec

from services.alerts.domain.retries import Answer
from services.alerts.domain.urls import read_url
from services.alerts.domain.wishes import Format
from shared.cloudevents import JSON, encode_sorted

TYPE = "lanewatch.endpoint.verification"
SOURCE = "/lanewatch/alerts/verification"
AWAITED = "the endpoint has not answered the handshake: POST /v1/subscriptions/{id}/verify asks it"
"""The reason of a subscription that is paused until its endpoint has answered."""
# Their addresses are secrets that a channel's owner makes for this very purpose, and none can echo.
_FOR_PEOPLE: dict[Format, tuple[str, ...]] = {
    "slack": ("hooks.slack.com", "hooks.slack-gov.com"),
    "teams": (".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com"),
}


def is_exempt(url: str, format: Format) -> bool:
    """Return whether a URL is an incoming webhook of Slack or Teams, which is there because it is wanted."""
    host = read_url(url).host
    return any(host == name or (name[0] == "." and host.endswith(name)) for name in _FOR_PEOPLE.get(format, ()))


def body_of(challenge: str, id: str, now: datetime, *, subscription_id: str, name: str) -> bytes:
    """Return the CloudEvent that asks."""
    asked: dict[str, Any] = {
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": TYPE,
        "time": now.isoformat(),
        "datacontenttype": JSON,
        "data": {"challenge": challenge, "subscription_id": subscription_id, "name": name},
    }
    return encode_sorted(asked)


def fault_of(challenge: str, answer: Answer, excerpt: bytes) -> str | None:
    """Return why an answer does not pass; None for a 2xx whose body is the challenge or `{"challenge": …}`."""
    if answer.error is not None:
        return answer.error
    if not answer.is_accepted:
        return f"answered with status {answer.status}"
    if hmac.compare_digest(_said(excerpt), challenge.encode()):
        return None
    return "answered without the challenge: the body must be its text, or JSON with it as `challenge`"


def _said(excerpt: bytes) -> bytes:
    text = excerpt.strip()
    if not text.startswith(b"{"):
        return text
    try:
        return str(msgspec.json.decode(text, type=dict[str, Any]).get("challenge")).encode()
    except (msgspec.DecodeError, UnicodeError):
        return text
