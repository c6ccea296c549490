"""Told to schemathesis by SCHEMATHESIS_HOOKS: how bodies are sent whose type it does not know."""

from typing import Any

import schemathesis


@schemathesis.serializer(
    "application/x-ndjson",
    "application/partial-upload",
    "text/csv",
    "text/tab-separated-values",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)
def lines(_: Any, value: Any) -> bytes:
    """Send text as it is."""
    return str(value).encode(errors="replace")
