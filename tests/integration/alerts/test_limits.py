"""How much one tenant may ask for: what it asks for is matched while all others' alerts wait."""

from typing import Any

import pytest

from tests.integration.alerts.service import Service

URL = "http://127.0.0.1:8999/"
LONG = "alert.severity == 'critical' || alert.severity == 'warning'"


@pytest.fixture
def few(api_only: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    state = api_only.app.state
    limits = {"alerts_subscriptions_per_tenant": 3, "alerts_condition_chars_per_tenant": 2 * len(LONG)}
    monkeypatch.setattr(state, "settings", state.settings.model_copy(update=limits))
    return api_only


async def test_a_tenant_has_so_many_subscriptions_and_so_long_conditions(few: Service) -> None:
    async def create(key: str, **wanted: Any) -> Any:
        form = {"name": "n", "url": URL, "filter": wanted}
        return await few.api.post("/v1/subscriptions", json=form, headers={"idempotency-key": key})

    made = [await create(key, condition=LONG) for key in ("one", "two")]
    assert [answer.status_code for answer in made] == [201, 201]
    refused = await create("three", condition=LONG)
    assert (refused.status_code, refused.json()["title"]) == (409, "The tenant's conditions are too long")
    third = await create("three")
    assert third.status_code == 201
    path = third.headers["location"]
    refused = await few.api.patch(path, json={"filter": {"condition": LONG}})
    assert refused.status_code == 409
    assert not (await few.get(path))["filter"].get("condition"), "nothing of it is stored"
    refused = await create("four")
    assert (refused.status_code, refused.json()["title"]) == (409, "The tenant has too many subscriptions")
    assert (await create("one", condition=LONG)).status_code == 200, "it is there already"
    assert (await few.api.delete(path)).status_code == 204
    assert (await create("four")).status_code == 201
