"""What the service sends, given to the example receivers, which verify it by the official libraries.

`make test` runs the one in Python; `make receivers` those in Node and Go too, with the node and go of the machine.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.alerts.domain.handshake import body_of
from services.alerts.domain.signing import Signer, Until, key_of, public_text
from tests.integration.alerts.receiver import Got, Receiver
from tests.integration.alerts.service import Service, lane_changed
from tests.support.plain import PLAIN

EXAMPLES = Path(__file__).parents[3] / "examples" / "receivers"
LANGUAGES = os.environ.get("RECEIVERS", "python").split(",")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - published in the standard
OWN = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
SIGNED = ("webhook-id", "webhook-timestamp", "webhook-signature")


@pytest.fixture(scope="session", params=LANGUAGES)
def command(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How to run a receiver, made ready from what is locked by hash."""
    folder = EXAMPLES / request.param
    if request.param == "python":
        return [sys.executable, str(folder / "receiver.py")]
    if request.param == "node":
        subprocess.run(["npm", "ci"], cwd=folder, check=True, capture_output=True, timeout=100)
        return ["node", str(folder / "receiver.mjs")]
    program = tmp_path_factory.mktemp("go") / "receiver"
    subprocess.run(["go", "build", "-o", program, "."], cwd=folder, check=True, capture_output=True, timeout=100)
    return [str(program)]


@asynccontextmanager
async def receiving(command: list[str], **environment: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run a receiver and yield what posts to it."""
    program = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment | {"PORT": "0"}, stdout=subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        port = (await asyncio.wait_for(program.stdout.readline(), 20)).split()[-1].decode()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=PLAIN) as client:
            yield client
    finally:
        program.kill()
        await program.wait()


async def told(by: httpx.AsyncClient, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    answer = await by.post("/", content=body, headers={name: headers[name] for name in SIGNED if name in headers})
    return answer.status_code, answer.text.partition(":")[0]


TAKEN, SEEN, REFUSED = (200, "taken"), (200, "seen before"), (400, "refused")


async def test_what_is_sent_is_verified_also_while_keys_are_replaced(
    service: Service, receiver: Receiver, command: list[str]
) -> None:
    inbox = receiver.inbox()
    form = {"name": "n", "url": inbox.url, "secret": SECRET, "signature": "both"}
    made = (await service.api.post("/v1/subscriptions", json=form)).json()
    (old_key,) = await service.get("/v1/signing-keys")
    before = await next_of(service, inbox)
    rotate = f"/v1/subscriptions/{made['subscription_id']}/secret/rotate"
    new_secret = (await service.api.post(rotate, json={})).json()["secret"]
    new_key, _ = (await service.api.post("/v1/signing-keys/rotate", json={})).json()
    during = await next_of(service, inbox)
    assert [each[:3] for each in during.headers["webhook-signature"].split()] == ["v1,", "v1,", "v1a", "v1a"]
    async with AsyncExitStack() as stack:
        old, new, by_old_key, by_new_key = [
            await stack.enter_async_context(receiving(command, **environment))
            for environment in (
                {"SECRET": SECRET},
                {"SECRET": new_secret},
                {"PUBLIC_KEY": old_key["public_key"]},
                {"PUBLIC_KEY": new_key["public_key"]},
            )
        ]
        for by, first in ((old, TAKEN), (by_old_key, TAKEN), (new, REFUSED), (by_new_key, REFUSED)):
            assert await told(by, before.headers, before.body) == first
            assert await told(by, during.headers, during.body) == TAKEN
            assert await told(by, during.headers, during.body) == SEEN, "a replay counts no second time"


async def next_of(service: Service, inbox: Any) -> Got:
    count = len(inbox.got)
    await service.publish(lane_changed(sequence=count + 1))
    got: Got = (await inbox.wait_for(count + 1))[-1]
    return got


def signed(body: bytes, age_s: float = 0, webhook_id: str = "msg_1") -> dict[str, str]:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    header = Signer((Until(key_of(SECRET)),), (Until(OWN),)).header(webhook_id, at, body)
    return dict(zip(SIGNED, (webhook_id, str(int(at.timestamp())), header), strict=True))


@pytest.mark.parametrize("kind", ["SECRET", "PUBLIC_KEY"])
async def test_what_is_tampered_with_or_stale_is_refused(command: list[str], kind: str) -> None:
    body = lane_changed()
    key = {"SECRET": SECRET, "PUBLIC_KEY": public_text(OWN.public_key().public_bytes_raw())}[kind]
    good = signed(body)
    other = signed(b"{}")
    bad: list[tuple[dict[str, str], bytes]] = [
        (good, body.replace(b"restricted", b"flowing")),
        (good, body + b" "),
        (good | {"webhook-id": "msg_2"}, body),
        (good | {"webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}, body),
        (good | {"webhook-signature": other["webhook-signature"]}, body),
        (good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,").replace("v1a,", "v2a,")}, body),
        ({name: value for name, value in good.items() if name != "webhook-signature"}, body),
        ({name: value for name, value in good.items() if name != "webhook-timestamp"}, body),
        (signed(body, age_s=400), body),
        (signed(body, age_s=-400), body),
    ]
    async with receiving(command, **{kind: key}) as by:
        for headers, sent in bad:
            assert await told(by, headers, sent) == REFUSED, headers
        assert await told(by, good, body) == TAKEN
        assert await told(by, good, body) == SEEN


@pytest.mark.parametrize("kind", ["SECRET", "PUBLIC_KEY"])
async def test_the_handshake_is_answered(command: list[str], kind: str) -> None:
    key = {"SECRET": SECRET, "PUBLIC_KEY": public_text(OWN.public_key().public_bytes_raw())}[kind]
    body = body_of("GQ3-hV_8", "msg_1", datetime.now(UTC), subscription_id="s", name="n")
    async with receiving(command, **{kind: key}) as by:
        assert await told(by, signed(b"{}"), body) == REFUSED
        assert await told(by, signed(body), body) == (200, "GQ3-hV_8")
