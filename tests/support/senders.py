"""Senders that can only sign: a file of them, and what each signs."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

KEYS = {name: name.encode() * 8 for name in ("carrier", "hooks", "former", "stranger")}
SENDERS = [
    {"name": "carrier", "source": "/carriers/a", "scheme": "dcsa", "secrets": ["carrier", "former"]},
    {"name": "hooks", "source": "/hooks/", "scheme": "standard-webhooks", "tenant": "acme", "secrets": ["hooks"]},
    {"name": "epcis", "source": "/epcis", "scheme": "dcsa", "format": "epcis-2.0", "secrets": ["carrier"]},
]


def secret(name: str, *, is_hook: bool) -> str:
    """Return a secret as the file has it."""
    return ("whsec_" if is_hook else "") + base64.b64encode(KEYS[name]).decode()


def write_senders(folder: Path) -> Path:
    """Write the file of senders."""
    entries = [
        {**each, "secrets": [secret(name, is_hook="webhooks" in each["scheme"]) for name in each["secrets"]]}
        for each in SENDERS
    ]
    file = folder / "senders.json"
    file.write_text(json.dumps({"senders": entries}))
    return file


def notified(body: bytes, key: str = "carrier") -> dict[str, str]:
    """Return the headers of a callback as DCSA has them."""
    signature = hmac.new(KEYS[key], body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "notification-signature": f"sha256={signature}"}


def hooked(body: bytes, key: str = "hooks", late_s: float = 0) -> dict[str, str]:
    """Return the headers of a delivery as Standard Webhooks has them."""
    at = datetime.fromtimestamp(int(time.time() - late_s), UTC)
    return {
        "content-type": "application/json",
        "webhook-id": "m-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret(key, is_hook=True)).sign("m-1", at, body.decode()),
    }
