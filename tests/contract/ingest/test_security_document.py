"""The examples in docs/ingest/security.md are what the ingest reads."""

import re
from pathlib import Path

from services.ingest.domain.senders import read_senders

PAGE = (Path(__file__).parents[3] / "docs" / "ingest" / "security.md").read_text()


def example(holds: str) -> bytes:
    """Return the block of JSON that holds a text."""
    (found,) = (block for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if holds in block)
    return str(found).encode()


def test_the_file_of_senders_is_read() -> None:
    assert set(read_senders(example('"senders"'))) == {"carrier-a", "erp-hooks"}
