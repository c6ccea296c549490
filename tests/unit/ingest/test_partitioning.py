"""An event's partition is the one that every other client of Kafka would choose for its key."""

from aiokafka.partitioner import murmur2 as theirs
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.domain.partitioning import murmur2, place_of


@given(st.binary(max_size=40))
@example(b"21")
@example(b"foobar")
def test_the_hash_is_that_of_the_kafka_library(data: bytes) -> None:
    assert murmur2(data) == theirs(data)


def test_the_hash_is_that_of_kafkas_own_client() -> None:
    # From UtilsTest in Apache Kafka 4.
    assert murmur2(b"foobar") == -790332482 & 0xFFFFFFFF
    assert murmur2(b"a-little-bit-long-string") == -985981536 & 0xFFFFFFFF


def test_a_key_is_placed_by_its_bytes() -> None:
    assert place_of("shipment:é") == ("shipment:é".encode(), theirs("shipment:é".encode()) & 0x7FFFFFFF)
