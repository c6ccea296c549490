"""Receives what is delivered, in a process of its own: `python -m benchmarks.alerts_recovery.receiver PORT`.

`/past` counts deliveries by their id; `/new/…` notes how long each alert took, by the time in its id. `GET /` tells
both, and forgets the times.
"""

import sys
import time
from collections import Counter

import msgspec
import uvloop
from aiohttp import web

PAST: web.AppKey[Counter[str]] = web.AppKey("past")
TIMES_MS: web.AppKey[list[float]] = web.AppKey("times_ms")


class _Named(msgspec.Struct):
    id: str


_named = msgspec.json.Decoder(_Named)


async def _take_past(request: web.Request) -> web.Response:
    await request.read()
    request.app[PAST][request.headers["webhook-id"]] += 1
    return web.Response(status=204)


async def _take_new(request: web.Request) -> web.Response:
    published_ns = int(_named.decode(await request.read()).id.partition(":")[0])
    request.app[TIMES_MS].append((time.time_ns() - published_ns) / 1e6)
    return web.Response(status=204)


async def _tell(request: web.Request) -> web.Response:
    past, times = request.app[PAST], request.app[TIMES_MS]
    answer = web.json_response({"past": len(past), "doubles": past.total() - len(past), "times_ms": times})
    times.clear()
    return answer


def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app[PAST], app[TIMES_MS] = Counter(), []
    app.router.add_post("/past", _take_past)
    app.router.add_post("/new/{number}", _take_new)
    app.router.add_get("/", _tell)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
