"""The fixtures that other tests build on."""

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from lanewatch.stack import StackConfig, Topics


def plain(database_url: str) -> str:
    return database_url.replace("+asyncpg", "")


async def test_database_is_new_and_of_the_pinned_major_version(database_url: str) -> None:
    connection = await asyncpg.connect(plain(database_url))
    assert connection.get_server_version().major == 18
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.execute("CREATE TABLE left_over (id int)")
    await connection.close()


# The same test again: what the first left must not be there.
test_database_is_new_the_second_time = test_database_is_new_and_of_the_pinned_major_version


async def test_topics_are_new_and_have_their_partitions(backbone: StackConfig, fresh_topics: Topics) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=backbone.bootstrap)
    await admin.start()
    described = await admin.describe_topics([*fresh_topics.partitions(), *Topics().partitions()])
    await admin.close()
    found = {topic["topic"]: len(topic["partitions"]) for topic in described}
    assert found == fresh_topics.partitions() | Topics().partitions()
    assert fresh_topics != Topics()
