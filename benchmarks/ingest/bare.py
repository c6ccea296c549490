"""The floor of single posts: a bare ASGI endpoint that produces the body as it came and answers where it stands."""

import sys
from typing import Any

import msgspec
import uvicorn

from services.ingest.settings import IngestSettings
from shared.kafka import make_producer

ENCODER = msgspec.json.Encoder()


class Bare:
    """Serves `POST` on any path; anything else is answered as if healthy."""

    def __init__(self) -> None:
        settings = IngestSettings()
        self._topic = settings.topic_events
        self._bootstrap = settings.kafka_bootstrap
        self._producer: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the life of the process (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        answer = await self._take(receive) if scope["method"] == "POST" else b'{"status":"pass"}'
        status = 202 if scope["method"] == "POST" else 200
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _take(self, receive: Any) -> bytes:
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        place = await self._producer.send_and_wait(self._topic, b"".join(parts))
        return ENCODER.encode({"topic": place.topic, "partition": place.partition, "offset": place.offset})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._producer = make_producer(self._bootstrap, "bare")
        await self._producer.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._producer.stop()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(Bare(), port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
