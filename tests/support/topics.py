"""Writes trade events to a topic and reads a topic from its beginning."""

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from lanewatch.stack import StackConfig, Topics
from shared.cloudevents import entity_key, read_trade_event


async def publish(producer: AIOKafkaProducer, topics: Topics, *bodies: bytes) -> None:
    for body in bodies:
        key = entity_key(read_trade_event(body)).encode()
        await producer.send_and_wait(topics.events, body, key=key)


async def published(config: StackConfig, topic: str) -> list[Any]:
    """Read a topic from its beginning to its present end."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=config.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Any] = []
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += records
        return found
    finally:
        await consumer.stop()
