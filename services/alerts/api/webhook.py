"""The requests that a subscriber's endpoint receives, for the OpenAPI document."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Header
from pydantic import BaseModel

router = APIRouter()


class ChallengeOut(BaseModel):
    """The challenge, as it was asked."""

    challenge: str


@router.post("alert", status_code=204, summary="An alert is delivered")
async def alert(  # noqa: PLR0913, PLR0917 - one for each header
    body: Annotated[dict[str, Any], Body(media_type="application/cloudevents+json")],
    webhook_id: Annotated[str, Header(description="The delivery: the same in every attempt, to drop doubles by")],
    webhook_timestamp: Annotated[int, Header(description="Seconds since the epoch, of this attempt")],
    webhook_signature: Annotated[
        str,
        Header(
            description="Signatures of id, timestamp and body, apart by blanks, as Standard Webhooks says: `v1,` and "
            "the HMAC-SHA256 by the secret, `v1a,` and ed25519's by the tenant's key; two of a kind during a rotation"
        ),
    ],
    lanewatch_attempt: Annotated[int, Header(description="Counts the attempts from 1")],
    lanewatch_recovery: Annotated[
        UUID | None, Header(description="The recovery that it comes again by, if it does")
    ] = None,
    lanewatch_sequence: Annotated[
        int | None,
        Header(description="Counts the subscription's alerts from 1 without a gap; a digest lists those it carries"),
    ] = None,
    lanewatch_escalated_from: Annotated[
        UUID | None, Header(description="The delivery that nobody acknowledged in time, if this is why it comes")
    ] = None,
    lanewatch_test: Annotated[Literal["true"] | None, Header(description="It is a test, and nothing happened")] = None,
) -> None:
    """A CloudEvent in JSON.

    Answer with any 2xx status within 15 seconds. Anything else is tried again on the schedule that
    Standard Webhooks recommends, over three days; `Retry-After` is honoured, redirects are not followed,
    and 410 stops all sending until the subscription is resumed. Alerts of a lane come in order
    where the subscription's `ordering` is `lane`, but for one that lost its place since it held its lane up for long.
    """  # noqa: D401 - it describes the request, as OpenAPI shows it


@router.post(
    "verification",
    summary="An endpoint is asked whether it wants alerts",
    response_model=ChallengeOut,
    responses={200: {"description": "The challenge, as text or in JSON.", "content": {"text/plain": {}}}},
)
async def verification(
    body: Annotated[dict[str, Any], Body(media_type="application/cloudevents+json")],
    webhook_id: Annotated[str, Header()],
    webhook_timestamp: Annotated[int, Header()],
    webhook_signature: Annotated[str, Header(description="As of an alert")],
    lanewatch_verification: Annotated[Literal["true"], Header(description="It is no alert")],
) -> None:
    """A CloudEvent of type `lanewatch.endpoint.verification`: answer with its `data.challenge`."""  # noqa: D401 - as above
