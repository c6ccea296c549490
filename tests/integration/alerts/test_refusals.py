"""What is said of a URL that may not be called: the field when it is written, an attempt in the log later."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.alerts.calls import INSIDE, listening
from tests.integration.alerts.hostile import HOSTILE_URLS
from tests.integration.alerts.names import Names
from tests.integration.alerts.service import Service, lane_changed


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    async with Names() as started:
        yield started


@pytest.fixture
def alerts_settings(names: Names) -> dict[str, Any]:
    return {"alerts_dns_servers": names.address, "alerts_retry_delays_s": (30.0,)}


async def test_a_hostile_url_is_refused_when_it_is_written(api_only: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = api_only.app.state.settings.model_copy(update={"alerts_allow_networks": ()})
    monkeypatch.setitem(api_only.app.state._state, "settings", strict)
    for url in HOSTILE_URLS:
        form = {"name": "n", "url": url.replace("PORT", "8080")}
        answer = await api_only.api.post("/v1/subscriptions", json=form)
        assert answer.status_code == 422, url
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/url"], url


async def test_a_url_is_kept_in_one_spelling(api_only: Service) -> None:
    form = {"name": "n", "url": "HTTPS://B\u00dccher.example.:443/hook?a=1"}
    answer = await api_only.api.post("/v1/subscriptions", json=form)
    assert answer.json()["url"] == "https://xn--bcher-kva.example/hook?a=1"


async def test_a_refusal_is_one_attempt_in_the_log_and_no_storm(service: Service, names: Names) -> None:
    names.say("trick.test", (INSIDE,))
    async with listening(INSIDE) as inside:
        await service.subscribe(f"http://trick.test:{inside.port}/")
        await service.publish(lane_changed("DE"), lane_changed("FR"))
        first, second = await service.wait_for_states("waiting", "waiting")
        for delivery in (first, second):
            (attempt,) = (await service.get(f"/v1/deliveries/{delivery['delivery_id']}"))["log"]
            assert attempt["error"] == f"refused: trick.test: {INSIDE} is a loopback address"
            assert attempt["status"] is None
        assert inside.connections == 0
