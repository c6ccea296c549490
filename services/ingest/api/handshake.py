"""Says who may send events here: the validation request of HTTP 1.1 Web Hooks for Event Delivery 1.0.2 (section 4)."""

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

ANY = "*"
METHODS = "OPTIONS, POST"


class Handshake:
    """Answers `OPTIONS`: a sender that names itself learns whether, and how fast, it may deliver."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origin.lower() for origin in origins)

    async def answer(self, request: Request) -> Response:
        """Grant or not; the grant is in the answer itself, never by the callback of section 4.1.3."""
        return Response(status_code=200, headers={"allow": METHODS, **self._grant(request.headers)})

    def _grant(self, headers: Headers) -> dict[str, str]:
        origin = headers.get("webhook-request-origin", "").strip().lower()
        if not origin or not ({ANY, origin} & self._origins):
            return {}
        # What limits the rate is what is in hand, and that is told by 503 and Retry-After.
        rate = {"webhook-allowed-rate": ANY} if "webhook-request-rate" in headers else {}
        return {"webhook-allowed-origin": ANY if ANY in self._origins else origin, **rate}
