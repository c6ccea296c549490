"""A web hook's sender is let deliver only where it was named."""

import pytest
from starlette.requests import Request

from services.ingest.api.handshake import Handshake


async def granted(origins: str, *headers: tuple[bytes, bytes]) -> dict[str, str]:
    request = Request({"type": "http", "method": "OPTIONS", "path": "/v1/events", "headers": list(headers)})
    answer = await Handshake(origins.split()).answer(request)
    assert answer.status_code == 200
    return {name: value for name, value in answer.headers.items() if name.startswith("webhook-")}


@pytest.mark.parametrize(
    "origins, origin, told",
    [
        ("*", "Any.example", "*"),
        ("a.example b.example", "B.example", "b.example"),
        ("a.example", "other.example", None),
        ("a.example", "a.example.other", None),
        ("a.example", "*", None),
        ("", "a.example", None),
    ],
)
async def test_only_origins_that_are_named_may_deliver(origins: str, origin: str, told: str | None) -> None:
    found = await granted(origins, (b"webhook-request-origin", origin.encode()))
    assert found == ({"webhook-allowed-origin": told} if told else {})


async def test_a_rate_is_granted_to_who_asks_for_one_and_may_deliver() -> None:
    rate = (b"webhook-request-rate", b"120")
    assert await granted("*", rate) == {}
    assert (await granted("*", (b"webhook-request-origin", b"a.example"), rate))["webhook-allowed-rate"] == "*"
