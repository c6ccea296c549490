"""How an alert is written for an endpoint: as the CloudEvent that it is, or as a message for people."""

from services.alerts.domain.formats.message import Links, message_of
from services.alerts.domain.formats.slack import slack
from services.alerts.domain.formats.teams import teams
from services.alerts.domain.wishes import Format

CONTENT_TYPES: dict[Format, str] = {
    "cloudevents": "application/cloudevents+json",
    "slack": "application/json",
    "teams": "application/json",
}


def written(format: Format, body: bytes, links: Links) -> bytes:
    """Return what is sent for an alert, given its CloudEvent; the same alert always gives the same."""
    if format == "slack":
        return slack(message_of(body, links))
    if format == "teams":
        return teams(message_of(body, links))
    return body


__all__ = ["CONTENT_TYPES", "Links", "written"]
