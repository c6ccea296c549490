"""What can be set of the ingest: its address, limits and times."""

from pathlib import Path
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
    topic_mappings: str = "ingest.mappings"
    """Compacted, of one partition; mappings of sheets stand in it."""
    ingest_max_mappings: Positive = 200
    """Of one tenant."""
    ingest_max_mapping_bytes: Positive = 64 * 1024
    ingest_mapping_timeout_s: Seconds = 5.0
    """How long keeping a mapping may take, before the client is told to come back."""
    ingest_max_workbook_bytes: Positive = 32 * 1024 * 1024
    """Of a file in Excel's format; one of CSV may have any size."""
    ingest_max_workbook_expanded_bytes: Positive = 512 * 1024 * 1024
    ingest_max_workbooks: Positive = 2
    """Read at once, each by a process of its own; more are told to come back."""
    ingest_senders_file: Path | None = None
    """Who may deliver by signature alone, with their secrets; see docs/ingest/security.md."""
    ingest_webhook_origins: str = "*"
    """Who may deliver as a web hook, by name, apart by blanks; `*` is anyone."""
