"""A recovery whose process is killed goes on where it was, in whatever process comes next."""

from collections import Counter
from typing import Any

import httpx

from lanewatch.stack import StackConfig, Topics
from services.alerts.delivery.hands import Hands
from services.alerts.delivery.limits import Limits
from services.alerts.domain.recovery import AT_ONCE
from services.alerts.domain.share import Share
from shared.database import make_engine
from tests.faults.alerts.test_kills import alerts, recorded
from tests.integration.alerts.past import insert_past
from tests.integration.alerts.receiver import Inbox, Receiver
from tests.support.plain import PLAIN
from tests.support.running import Program, until

COUNT = AT_ONCE + 500
UNRECORDED = Hands(Share(0)).window(Limits.window) + 8
"""What one process may have had answered and not recorded when it is killed: what it has of one endpoint in hand."""


async def _begin(program: Program, config: StackConfig, inbox: Inbox) -> str:
    async with httpx.AsyncClient(base_url=program.url, verify=PLAIN) as client:
        created = (await client.post("/v1/subscriptions", json={"name": "n", "url": inbox.url})).json()
        engine = make_engine(config.database_url, "tests")
        await insert_past(engine, created["subscription_id"], COUNT)
        await engine.dispose()
        path = f"/v1/subscriptions/{created['subscription_id']}/recoveries"
        answer = await client.post(path, json={"since": "2020-01-01T00:00:00Z"})
    return str(answer.headers["location"])


async def _until_done(program: Program, job: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def is_done() -> bool:
        found.update(await program.get(job))
        return bool(found["state"] == "done")

    await until(is_done, "the recovery to be done")
    return found


async def test_killed_in_the_middle_it_goes_on(
    fresh_config: StackConfig, fresh_topics: Topics, receiver: Receiver
) -> None:
    inbox = receiver.inbox()
    async with alerts(fresh_config) as program:
        job = await _begin(program, fresh_config, inbox)
        await until(lambda: len(inbox.got) > AT_ONCE // 2, "some of it to arrive")
        await program.kill()
        taken = {got.webhook_id for got in inbox.got} & await recorded(fresh_config)
    async with alerts(fresh_config) as program:
        done = await _until_done(program, job)
    assert (done["total"], done["taken"], done["delivered"], done["failed"]) == (COUNT, COUNT, COUNT, 0)
    counts = Counter(g.webhook_id for g in inbox.got)
    assert len(counts) == COUNT
    doubled = {webhook_id for webhook_id, count in counts.items() if count > 1}
    assert taken
    assert not doubled & taken, "an alert whose acceptance was recorded was sent again"
    assert counts.total() - COUNT <= UNRECORDED
