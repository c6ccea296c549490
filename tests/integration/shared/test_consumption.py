"""Reading a real topic in batches: what is looked at ahead, and that it changes nothing."""

import asyncio
from collections.abc import Sequence

from lanewatch.stack import StackConfig, Topics
from shared.consumption import Advance, BatchConsumer, Record
from shared.kafka import make_consumer, producing, start_when_up, stop_client

RECORDS = 60


class Diary:
    """A handler that notes what comes, each batch only after a moment's work elsewhere."""

    def __init__(self) -> None:
        self.handled: list[bytes] = []
        self.ahead: list[bytes] = []
        self.ahead_in_time = 0
        self.is_done = asyncio.Event()

    async def positions(self, partitions: Sequence[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, 0)

    async def handle(self, records: Sequence[Record], advance: Advance) -> int:  # noqa: ARG002 - the protocol
        self.ahead_in_time += sum(record.value in self.ahead for record in records)
        for _ in range(20):
            await asyncio.sleep(0.002)
        self.handled += [record.value for record in records]
        if len(self.handled) >= RECORDS:
            self.is_done.set()
        return 0

    async def bury(self, record: Record, error: Exception, advance: Advance) -> None:  # noqa: ARG002 - the protocol
        raise AssertionError(f"{record.value!r} was buried: {error}")

    def look_at(self, record: Record) -> None:
        self.ahead.append(record.value)
        if record.value.endswith(b"7"):
            raise ValueError("no such record can be read")


async def test_coming_records_are_looked_at_while_a_batch_waits_and_one_that_fails_there_has_its_turn(
    fresh_config: StackConfig, fresh_topics: Topics
) -> None:
    topic, bodies = fresh_topics.events, [b"record %d" % number for number in range(RECORDS)]
    async with producing(fresh_config.bootstrap, "test") as producer:
        for body in bodies:
            await producer.send_and_wait(topic, body, partition=0)
    diary = Diary()
    consumer = await start_when_up(lambda: make_consumer(fresh_config.bootstrap, "test", "test"))
    reader = BatchConsumer(consumer, topic, diary, max_records=10, look_at=diary.look_at)
    reading = asyncio.create_task(reader.run())
    try:
        await asyncio.wait_for(diary.is_done.wait(), 30)
    finally:
        reader.stop()
        await reading
        await stop_client(consumer)
    assert diary.handled == bodies
    assert diary.ahead_in_time == RECORDS - 10
    assert reader.halted is reader.waiting_for is None
