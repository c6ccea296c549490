"""Stands between the guard and what takes events: charges each request to its client, and tells what is left (ASGI)."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.ingest.api import answers
from services.ingest.api.body import RequestBody
from services.ingest.api.counting import count_request
from services.ingest.api.endpoint import send_answer
from services.ingest.api.head import read_head
from services.ingest.api.rates import ALLOWANCE, Rates, key_of
from shared.identity import caller_of

POLICY, STATE = b"ratelimit-policy", b"ratelimit"

Applies = Callable[[str, str], bool]
"""Whether requests with a method at a path are charged."""


class RateLimited:
    """Serves requests as far as their clients' budgets reach."""

    def __init__(
        self, app: ASGIApp, rates: Rates, timeout_s: float, applies: Applies = lambda _method, _path: True
    ) -> None:
        self._app = app
        self._rates = rates
        self._timeout_s = timeout_s
        self._applies = applies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._applies(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        allowance = self._rates.of(key_of(caller_of(scope), scope.get("client")))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = [(POLICY, self._rates.policies), (STATE, allowance.state())]
                message = {**message, "headers": [*message["headers"], *told]}
            await send(message)

        if fault := allowance.begin():
            body = RequestBody(read_head(scope["headers"]), receive, max_expansion=1)
            count_request(fault.status)
            await send_answer(answers.problem(fault), body, tell, self._timeout_s)
            return
        scope[ALLOWANCE] = allowance
        await self._app(scope, receive, tell)


def limited(app: ASGIApp, rates: Rates | None, timeout_s: float) -> ASGIApp:
    """Return what serves an app within the budgets, if there are any."""
    return app if rates is None else RateLimited(app, rates, timeout_s)
