"""What can be set of the ingest: its address, limits and times."""

from typing import Annotated

from pydantic import Field

from shared.settings import SharedSettings

Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class IngestSettings(SharedSettings):
    """Read from the environment, prefix `LANEWATCH_`, e.g. `LANEWATCH_INGEST_PORT`."""

    ingest_port: int = 8001
    ingest_max_event_bytes: Positive = 1_000_000
    """With its key and headers an event must fit in Kafka's default `message.max.bytes`, 1,048,588."""
    ingest_max_batch_bytes: Positive = 8 * 1024 * 1024
    ingest_max_batch_items: Positive = 1_000
    ingest_body_timeout_s: Seconds = 10.0
    """How long a client may take to send a body."""
    ingest_produce_timeout_s: Seconds = 3.0
    """How long the broker may take to acknowledge, before the client is told to come back."""
    ingest_max_requests: Positive = 1_000
    """In hand at once; more are told to come back."""
    ingest_max_bytes: Positive = 64 * 1024 * 1024
    """Of bodies in hand at once."""
    ingest_max_expansion: Positive = 100
    """How many times its size a compressed body may expand to, beyond the first megabyte."""
    ingest_webhook_origins: str = "*"
    """Who may deliver as a web hook, by name, apart by blanks; `*` is anyone."""
