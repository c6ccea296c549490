"""Writes the lock of Kafka's jars: `python -m lanewatch.stack.lock_jars [KAFKA-VERSION]` (part of `make lock`)."""

import sys
from pathlib import Path

import jgo
from jgo.maven import MavenContext

from lanewatch.stack.jars import LOCK, kafka_version, read_lock, sha256_of

HEADER = "# Kafka and what it needs; written by `make lock`. Checksum (SHA-256), then group:artifact:version.\n"


def resolve(version: str) -> str:
    """Return the lock's text for a version of Kafka."""
    artifacts = jgo.resolve(f"org.apache.kafka:kafka_2.13:{version}")
    log4j = next(found.version for found in artifacts if found.artifactId == "log4j-core")
    # Joins Kafka's logging calls to log4j. Alone: resolved together, its parent's versions would win over Kafka's.
    bridge = MavenContext().project("org.apache.logging.log4j", "log4j-slf4j-impl").at_version(log4j).artifact()
    lines = [
        f"{sha256_of(Path(found.resolve()))}  {found.groupId}:{found.artifactId}:{found.version}"
        for found in sorted([*artifacts, bridge], key=lambda each: str(each.artifactId))
    ]
    return HEADER + "\n".join(lines) + "\n"


if __name__ == "__main__":
    LOCK.write_text(resolve(sys.argv[1] if len(sys.argv) > 1 else kafka_version(read_lock())))
