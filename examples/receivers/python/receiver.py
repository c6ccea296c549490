"""A receiver of Lanewatch's alerts in Python, with the official Standard Webhooks library.

    SECRET=whsec_... python receiver.py          # signatures by the subscription's secret
    PUBLIC_KEY=whpk_... python receiver.py       # signatures by the tenant's key (ed25519)

The library checks the age of an alert and its `v1` signature. It passes over `v1a`, which the function below checks.
"""

import base64
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

TOLERANCE_S = 300
SECRET = os.environ.get("SECRET", "")
PUBLIC_KEY = os.environ.get("PUBLIC_KEY", "")
# Kept where it outlives the program, if an alert must never count twice.
seen: set[str] = set()


def verify_ed25519(body: bytes, headers: dict[str, str], public_key: str) -> None:
    """Raise WebhookVerificationError unless one of the `v1a` signatures is by the key and the alert is new."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_S:
        raise WebhookVerificationError("Message timestamp too old or too new")
    for signature in headers.get("webhook-signature", "").split(" "):
        kind, _, text = signature.partition(",")
        if kind == "v1a":
            try:
                key.verify(base64.b64decode(text), f"{webhook_id}.{timestamp}.".encode() + body)
            except (InvalidSignature, ValueError):
                continue
            return
    raise WebhookVerificationError("No matching signature found")


class Receiver(BaseHTTPRequestHandler):
    """Takes alerts."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Verify, drop what was seen before, take the rest."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            if SECRET:
                Webhook(SECRET).verify(body, headers)
            else:
                verify_ed25519(body, headers, PUBLIC_KEY)
        except (WebhookVerificationError, ValueError) as error:
            self.answer(400, f"refused: {error}")
            return
        # A retry carries the same id, and so does a replay. Both are answered as taken and counted once.
        if headers["webhook-id"] in seen:
            self.answer(200, "seen before")
            return
        seen.add(headers["webhook-id"])
        event = json.loads(body)
        if event["type"] == "lanewatch.endpoint.verification":
            # The handshake: what is asked to be echoed shows that this endpoint wants to be sent to.
            self.answer(200, event["data"]["challenge"])
            return
        self.answer(200, f"taken: {event['type']}")

    def answer(self, status: int, said: str) -> None:
        """Answer and print the same."""
        print(said, flush=True)
        text = said.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing else."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8010"))), Receiver)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()
