"""A filter is tried on the last days before it is saved, with bounded work."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.alerts.background.escalator import Escalator
from services.alerts.background.notifier import Notifier
from services.alerts.domain.filters import Filter
from services.alerts.previewing import preview
from tests.integration.alerts.matched import as_recorded, recorded
from tests.integration.alerts.service import Service, decided, lane_changed


async def test_a_preview_counts_what_the_filter_would_have_let_through(api_only: Service) -> None:
    engine = api_only.app.state.engine
    bodies = [lane_changed("DE", n, severity="critical" if n % 2 else "notice") for n in range(1, 8)]
    await recorded(engine, *as_recorded(*bodies, lane_changed("FR", 1), decided("DE"), decided("DE")))
    await api_only.sql(
        "UPDATE alerts.alert SET recorded_at = recorded_at - interval '9 days' WHERE id LIKE '%DE:1' RETURNING 1"
    )
    wanted = {"destinations": ["DE"], "condition": "10 / alert.severity_rank > 5"}
    answer = await api_only.api.post("/v1/subscriptions/preview", json={"filter": wanted, "days": 7})
    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert found["counts"] == [
        {"kind": "lanewatch.lane.changed", "severity": "notice", "count": 3},
    ]
    assert (found["total"], found["is_cut"], found["looked_at"]) == (3, False, 9)
    assert [each["event"]["data"]["sequence"] for each in found["examples"]] == [6, 4, 2]
    failing = {"destinations": ["DE"], "kinds": ["lanewatch.decision.*"], "condition": "1 / 0 == 1"}
    found = (await api_only.api.post("/v1/subscriptions/preview", json={"filter": failing})).json()
    assert (found["total"], found["condition_failures"]) == (2, {"division by zero": 2})
    refused = await api_only.api.post("/v1/subscriptions/preview", json={"filter": {"condition": "alert."}})
    assert refused.json()["errors"][0]["pointer"] == "/filter/condition"
    assert (await api_only.get("/v1/subscriptions"))["items"] == []


async def test_what_is_another_tenants_own_is_in_no_preview(api_only: Service) -> None:
    engine = api_only.app.state.engine
    everything = {"kinds": ["lanewatch.endpoint.*"], "origins": ["US"], "condition": "alert.kind == 'another'"}
    failing = await api_only.subscribe("http://127.0.0.1:9999/failing", name="Project of ours", origins=["US"])
    told = await api_only.subscribe("http://127.0.0.1:9999/told", kinds=["lanewatch.endpoint.*"])
    second = await api_only.subscribe("http://127.0.0.1:9999/second", origins=["US"])
    rule = {"after_s": 1e-6, "to": second["subscription_id"], "min_severity": "warning"}
    await api_only.api.put(f"/v1/subscriptions/{told['subscription_id']}/escalation", json=rule)
    await api_only.sql(
        """INSERT INTO alerts.notice (subscription_id, step, since, happened_at)
        VALUES (:id, 'failing', now(), now()) RETURNING 1""",
        id=UUID(failing["subscription_id"]),
    )
    await Notifier(engine, lambda: None).tell()
    assert await Escalator(engine, 1, lambda: None).turn() == 1
    ping = await api_only.api.post(
        f"/v1/subscriptions/{second['subscription_id']}/ping", json={"kind": "lanewatch.endpoint.failing"}
    )
    assert ping.status_code == 202
    found = (await api_only.api.post("/v1/subscriptions/preview", json={"filter": everything})).json()
    assert found["total"] == 1, "neither tests nor what was escalated is matched; of notices no condition is asked"
    assert len((await api_only.get("/v1/alerts", kind="lanewatch.endpoint.failing"))["items"]) == 3
    await api_only.sql("UPDATE alerts.subscription SET tenant = 'other' RETURNING 1")
    await api_only.sql("UPDATE alerts.alert SET tenant = 'other' WHERE tenant IS NOT NULL RETURNING 1")
    found = (await api_only.api.post("/v1/subscriptions/preview", json={"filter": everything})).json()
    assert (found["total"], found["examples"]) == (0, [])
    assert (await api_only.get("/v1/alerts", kind="lanewatch.endpoint.failing"))["items"] == []


async def test_what_the_filter_does_not_want_uses_up_nothing_of_the_preview(api_only: Service) -> None:
    engine = api_only.app.state.engine
    await recorded(
        engine, *as_recorded(lane_changed("VN", 1), *(decided("VN", outcome="permitted") for _ in range(300)))
    )
    since = datetime.now(UTC) - timedelta(days=1)
    found = await preview(engine, "default", Filter(destinations=("VN",)), since, most=250)
    assert (found.is_cut, found.counts.total(), found.looked_at < 250) == (False, 1, True)
    assert (await preview(engine, "default", Filter(kinds=("lanewatch.decision.*",)), since, most=250)).is_cut


async def test_a_preview_says_where_it_had_to_stop(api_only: Service) -> None:
    engine = api_only.app.state.engine
    await recorded(engine, *as_recorded(*(lane_changed("JP", n) for n in range(600))))
    since = datetime.now(UTC) - timedelta(days=1)
    whole = await preview(engine, "default", Filter(destinations=("JP",)), since)
    assert (whole.is_cut, whole.counts.total(), whole.since) == (False, 600, since)
    cut = await preview(engine, "default", Filter(destinations=("JP",)), since, most=300)
    assert (cut.is_cut, cut.looked_at, cut.counts.total()) == (True, 500, 500)
    assert cut.since > since
