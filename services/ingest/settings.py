"""What can be set of the ingest: its address, limits and times."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.settings import SharedSettings

Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]

STATE_DIR = "LANEWATCH_STATE_DIR"
LEAST_EVENTS = 200
"""So many lines of a stream are taken at once."""


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
    ingest_max_answers_bytes: Positive = 4 * 1024**3
    """Of answers to streams that wait on disk to be read, all together; one has at most 1 GiB."""
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
    ingest_rate_requests: NotNegative = 0
    """Requests of one client in a window; 0: as many as come. In memory, for each process by itself."""
    ingest_rate_events: NotNegative = 0
    """Events of one client in a window, whatever requests they come by; at least as many as a batch may hold."""
    ingest_rate_window_s: Positive = 60
    ingest_rate_clients: Positive = 10_000
    """Remembered at once; more, and those not seen for longest begin anew."""
    ingest_files_dir: Path = Field(default_factory=lambda: Path(os.environ.get(STATE_DIR, ".lanewatch")) / "files")
    """Where files that come in parts are kept until they are done; processes that share it go on for each other.

    It must belong to the user of the service, and be open to nobody else (mode 0700).
    """
    ingest_max_files: Positive = 1_000
    ingest_max_files_of_client: Positive = 100
    """Of one client; what ended longest ago gives way to a new one."""
    ingest_max_files_bytes: Positive = 4 * 1024 * 1024 * 1024
    """Of spreadsheets that are not done; of other files no more than a line is kept."""
    ingest_max_file_bytes: Positive = 1024 * 1024 * 1024
    """Of one spreadsheet of text that comes in parts; of one in Excel's format `ingest_max_workbook_bytes`."""
    ingest_files_expire_s: Seconds = 24 * 3600.0
    """So long after the last part, or after it was done, a file is forgotten."""
    ingest_senders_file: Path | None = None
    """Who may deliver by signature alone, with their secrets; see docs/ingest/security.md."""
    ingest_webhook_origins: str = "*"
    """Who may deliver as a web hook, by name, apart by blanks; `*` is anyone."""

    @model_validator(mode="after")
    def _batches_fit(self) -> Self:
        least = max(self.ingest_max_batch_items, LEAST_EVENTS)
        if 0 < self.ingest_rate_events < least:
            raise ValueError(f"LANEWATCH_INGEST_RATE_EVENTS must be 0, or at least {least}, as many as come at once")
        return self
