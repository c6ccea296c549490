"""What a receiver must check of a webhook: its signatures, its age, whether it came before, whether one is missing."""

import base64
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LEAST_BYTES = 24
"""Of a signing secret, by the Standard Webhooks specification."""
TOLERANCE_S = 300
REMEMBERED = 100_000


class Refused(Exception):
    """It may not be believed; says why."""


def secret_of(text: str) -> Webhook:
    """Return the checker of a secret. Raises ValueError when it is none."""
    if len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) < LEAST_BYTES:
        raise ValueError(text)
    return Webhook(text)


def key_of(text: str) -> Ed25519PublicKey:
    """Return a public key written as Standard Webhooks does. Raises ValueError when it is none."""
    if not text.startswith("whpk_"):
        raise ValueError(text)
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix("whpk_"), validate=True))


@dataclass(frozen=True)
class Checks:
    """Secrets and public keys that are known; while one is replaced there are two of its kind."""

    secrets: Sequence[Webhook] = ()
    keys: Sequence[Ed25519PublicKey] = ()

    def check(self, body: bytes, headers: Mapping[str, str], now_s: float | None = None) -> list[str]:
        """Return what the webhook was verified by; of each kind that is known one must fit. Raises Refused."""
        by = []
        if self.secrets:
            by.append(self._by_secret(body, headers))
        if self.keys:
            by.append(self._by_key(body, headers, time.time() if now_s is None else now_s))
        return by

    def _by_secret(self, body: bytes, headers: Mapping[str, str]) -> str:
        said: list[str] = []
        for number, secret in enumerate(self.secrets, start=1):
            try:
                secret.verify(body, dict(headers))
            except (WebhookVerificationError, ValueError) as error:
                said.append(str(error))
            else:
                return "the secret" if len(self.secrets) == 1 else f"secret {number}"
        raise Refused(said[0])

    def _by_key(self, body: bytes, headers: Mapping[str, str], now_s: float) -> str:
        webhook_id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not at.isdigit() or abs(now_s - int(at)) > TOLERANCE_S:
            raise Refused("the timestamp is missing, or too far from now")
        signatures = [s.removeprefix("v1a,") for s in headers.get("webhook-signature", "").split() if s[:4] == "v1a,"]
        for number, key in enumerate(self.keys, start=1):
            for signature in signatures:
                try:
                    key.verify(base64.b64decode(signature, validate=True), f"{webhook_id}.{at}.".encode() + body)
                except (InvalidSignature, ValueError):
                    continue
                return "the key" if len(self.keys) == 1 else f"key {number}"
        raise Refused("no ed25519 signature fits" if signatures else "it has no ed25519 signature (v1a)")


@dataclass
class Course:
    """What came before, at each path: a path for each subscription, since each counts for itself."""

    seen: dict[str, None] = field(default_factory=dict)
    highest: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    missing: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def note(self, path: str, headers: Mapping[str, str]) -> list[str]:
        """Take a webhook in and return what is to be said of its place among the others."""
        webhook_id = headers.get("webhook-id", "")
        if webhook_id in self.seen:
            return ["came before: the same webhook-id"]
        self.seen[webhook_id] = None
        if len(self.seen) > REMEMBERED:
            del self.seen[next(iter(self.seen))]
        number = headers.get("lanewatch-sequence", "")
        return self._place(path, int(number)) if number.isdigit() else []

    def _place(self, path: str, number: int) -> list[str]:
        highest, missing = self.highest[path], self.missing[path]
        if number in missing:
            missing.discard(number)
            return [f"number {number} has come late" + (f"; still missing: {_some(missing)}" if missing else "")]
        # The first one says where the count stands, not that all before it are missing.
        gap = range(highest + 1, number) if highest else range(0)
        missing.update(gap[:REMEMBERED])
        self.highest[path] = max(highest, number)
        return [f"not here yet: {_some(set(gap))}"] if gap else []


def _some(numbers: set[int]) -> str:
    first = sorted(numbers)
    return ", ".join(map(str, first[:5])) + (f" and {len(first) - 5} more" if len(first) > 5 else "")  # noqa: PLR2004
