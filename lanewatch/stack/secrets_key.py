"""The key that seals webhook secrets in the local database, made once and kept beside the data."""

import base64
import os
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32


def ensure_secrets_key(file: Path) -> None:
    """Make the key unless it is there, readable by its owner alone from its first byte on."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as made:
        made.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    # Should another have been faster, its key stays.
    with suppress(FileExistsError):
        file.hardlink_to(draft)
    draft.unlink()
