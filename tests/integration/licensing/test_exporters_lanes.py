"""Exporters' lanes on the database: the same as in memory, listed by exporter, and their licences' sums in step."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import worked_out
from services.licensing.store import reads, records
from shared.cloudevents import read_trade_event
from tests.integration.licensing.conftest import Desk, lanes_out_of_step
from tests.support.mixed_log import mixed_log

EVENTS = 2500
ALL = (None, None, None, None)


def following(policy: Policy) -> Policy:
    groups = (msgspec.structs.replace(group, follows_exporters=True) for group in policy.commodity_groups)
    return msgspec.structs.replace(policy, commodity_groups=tuple(groups))


async def test_exporters_lanes_are_what_the_log_makes_of_them(engine: AsyncEngine, policy: Policy) -> None:
    follows, log = following(policy), mixed_log()[:EVENTS]
    desk = Desk(engine, follows)
    for first in range(0, EVENTS, 400):
        await desk.feed(*log[first : first + 400])
    book = worked_out(follows, map(read_trade_event, log))
    lanes = {lane.lane_id: lane for lane in book.lanes.values() if lane.stats.gate_as_of is not None}
    rows = await desk.sql("SELECT lane_id, exporter, state, sequence, reasons FROM licensing.lane")
    kept = {row.lane_id: (row.exporter, row.state, row.sequence, row.reasons) for row in rows if row.lane_id in lanes}
    assert kept == {
        lane_id: (lane.exporter, lane.state, lane.sequence, records.text_of(lane.reasons))
        for lane_id, lane in lanes.items()
    }
    exporters = {lane.exporter for lane in lanes.values()}
    assert len(exporters) > 3
    assert await lanes_out_of_step(desk) == {}
    of_all = await desk.ask(reads.lanes, (*ALL, None), 1000, "")
    assert {lane["exporter"] for lane in of_all} == {None}
    of_one = await desk.ask(reads.lanes, (*ALL, "Exporter A"), 1000, "")
    assert {lane["exporter"] for lane in of_one} == {"Exporter A"}
