"""Half of the endpoints are bad, each in its way: the others miss nothing, and the bad ones in the end neither."""

import pytest

from lanewatch.stack.ports import free_ports
from tests.integration.alerts.receiver import Behaviour, Inbox, Receiver, accept, hang, status
from tests.integration.alerts.service import Service, lane_changed
from tests.integration.alerts.test_delivering import break_off, endless
from tests.integration.alerts.test_lane_order import accepted_ids
from tests.integration.alerts.waiting import eventually

LANES = ("DE", "FR", "JP")
SEQUENCES = 8
OF_EACH = 2
BAD: dict[str, Behaviour] = {"hangs": hang, "fails": status(500), "breaks-off": break_off, "never-ends": endless}
HEALTHY = 10


def in_order(inbox: Inbox) -> bool:
    """Whether everything has arrived, each lane in its order."""
    for to in LANES:
        mine = [g for g in inbox.got if g.event["data"]["lane_id"].endswith(to)]
        if accepted_ids(mine) != [f"dysprosium-magnets/CN/{to}:{n}" for n in range(1, SEQUENCES + 1)]:
            return False
    return True


@pytest.mark.parametrize(
    "alerts_settings",
    [
        {
            "alerts_attempt_timeout_s": 0.5,
            "alerts_retry_delays_s": (0.1, 0.1, 0.1),
            "alerts_breaker_failures": 3,
            "alerts_window": 8,
        }
    ],
)
async def test_half_of_the_endpoints_are_bad_and_nobody_misses_anything(service: Service, receiver: Receiver) -> None:
    refusing = Receiver()
    refusing.port = free_ports(1)[0]
    shut = [refusing.inbox(f"refuses-{n}") for n in range(OF_EACH)]
    bad = [receiver.inbox(f"{name}-{n}", behaviour) for name, behaviour in BAD.items() for n in range(OF_EACH)]
    well = [receiver.inbox(f"well-{n}") for n in range(HEALTHY)]
    ids = {inbox.url: (await service.subscribe(inbox.url))["subscription_id"] for inbox in (*shut, *bad, *well)}
    for sequence in range(1, SEQUENCES + 1):
        await service.publish(*(lane_changed(to, sequence) for to in LANES))
    await eventually(lambda: all(in_order(inbox) for inbox in well))

    async def is_left_alone() -> bool:
        states = [(await service.get(f"/v1/subscriptions/{ids[i.url]}"))["endpoint"]["state"] for i in (*shut, *bad)]
        return states.count("closed") == OF_EACH  # those that never end have accepted

    await eventually(is_left_alone)
    for inbox in bad:
        inbox.behaviour = accept
    async with refusing:
        await eventually(lambda: all(in_order(inbox) for inbox in (*shut, *bad)), 30)
        assert await service.sql("SELECT state FROM alerts.delivery WHERE state IN ('exhausted', 'cancelled')") == []
