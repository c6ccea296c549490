"""Creates the topics as soon as the broker takes requests."""

import asyncio
import logging

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from lanewatch.stack.config import StackConfig, Topics
from lanewatch.stack.errors import StackError

TIMEOUT_S = 10.0
ONE_NODE = 1


async def has_topics(config: StackConfig) -> bool:
    """Create what is missing; return False while the broker does not take requests."""
    client_log = logging.getLogger("aiokafka")
    # The client logs every try of a connection, and while the broker starts that is noise.
    level = client_log.level
    client_log.setLevel(logging.CRITICAL)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await create_topics(config.bootstrap, config.topics)
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        client_log.setLevel(level)
    return True


async def create_topics(bootstrap: str, topics: Topics) -> None:
    """Create the topics that are not there yet. Raises KafkaError while the broker is away."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        settings = topics.settings()
        wanted = [
            NewTopic(name, count, ONE_NODE, topic_configs=settings.get(name))
            for name, count in topics.partitions().items()
        ]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    for name, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and issubclass(error, KafkaError) and error.retriable:
            raise error(name)
        if code and error is not TopicAlreadyExistsError:
            raise StackError(f"Kafka does not create the topic {name}: {error.__name__}.")
