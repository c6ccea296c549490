"""Posts a stream of lines in one request: `streaming PORT EVENTS REPEATS`, and tells how it went."""

import http.client
import json
import sys
from collections.abc import Iterator

from benchmarks.ingest.load import declared
from benchmarks.worker import Clock, tell

PART = 256 * 1024


def stream(port: int, events: int, repeats: int) -> None:
    """Post all events so many times in one request and tell the outcome. Raises when not all were accepted."""
    body = b"\n".join([*declared(events), b""])
    clock = Clock()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"content-type": "application/x-ndjson", "content-length": str(len(body) * repeats)}
    connection.request("POST", "/v1/events", _parts(body, repeats), headers)
    answer = connection.getresponse()
    last = b""
    while piece := answer.read(PART):
        last = (last + piece)[-PART:]
    summary = json.loads(last.splitlines()[-1])
    if summary["accepted"] != events * repeats:
        raise RuntimeError(str(summary))
    tell(clock.outcome(events * repeats))


def _parts(body: bytes, repeats: int) -> Iterator[bytes]:
    for _ in range(repeats):
        for start in range(0, len(body), PART):
            yield body[start : start + PART]


if __name__ == "__main__":
    stream(*map(int, sys.argv[1:4]))
