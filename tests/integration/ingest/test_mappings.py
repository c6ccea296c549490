"""Mappings are kept in a compacted topic: every process knows them, across restarts, and each tenant its own."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from lanewatch.stack import StackConfig
from lanewatch.stack.ports import free_ports
from lanewatch.stack.topics import create_topics
from shared.kafka import producing
from tests.integration.ingest.door import Door, ingest_keeper, open_door, own_config
from tests.integration.ingest.sheets import post, put, told
from tests.support.plain import PLAIN
from tests.support.running import running, until
from tests.support.sheets import CLEARED, CSV, DECLARED, changed, csv_of, encoded, row
from tests.support.tokens import bearer, token, write_keys
from tests.support.topics import published

JSON = {"content-type": "application/json"}


async def names(door: Door) -> list[str]:
    return [item["name"] for item in (await door.client.get("/v1/mappings")).json()["items"]]


async def test_a_mapping_is_listed_replaced_and_removed(door: Door) -> None:
    first = await put(door, CLEARED, "m")
    second = await put(door, changed(CLEARED, title="Another"), "m")
    assert second["version"] > first["version"]
    assert (await door.client.get("/v1/mappings/m")).json() == second
    items = {item["name"]: item for item in (await door.client.get("/v1/mappings")).json()["items"]}
    assert (items["m"]["title"], items["m"]["type"]) == ("Another", "trade.shipment.cleared")
    assert (await door.client.delete("/v1/mappings/m")).status_code == 204
    assert (await door.client.get("/v1/mappings/m")).status_code == 404
    assert (await door.client.delete("/v1/mappings/m")).status_code == 404
    assert "m" not in await names(door)


async def test_the_first_is_created_and_the_same_again_changes_nothing(door: Door) -> None:
    name = secrets.token_hex(4)
    answers = [
        await door.client.put(f"/v1/mappings/{name}", content=encoded(text), headers=JSON)
        for text in (CLEARED, CLEARED, changed(CLEARED, title="x"))
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert answers[0].headers["location"] == f"/v1/mappings/{name}"
    versions = [answer.json()["version"] for answer in answers]
    assert versions[0] == versions[1] < versions[2]


async def test_all_that_is_wrong_with_a_mapping_is_told_with_pointers(door: Door) -> None:
    bad = changed(DECLARED, data__destination__words={"Japan": "Nippon"}, data__lines__net_mass__unit={"value": "LBS"})
    answer = await door.client.put("/v1/mappings/bad", content=encoded(bad), headers=JSON)
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "/data/destination/words/Japan",
        "/data/lines/net_mass/unit/value",
    }
    assert "bad" not in await names(door)


@pytest.mark.parametrize(
    "name, content, kind, status",
    [
        ("m", b"x" * 70_000, "application/json", 413),
        ("m", b"{}", "text/plain", 415),
        ("m", b"{", "application/json", 400),
        ("-m", encoded(CLEARED), "application/json", 422),
        ("m" * 65, encoded(CLEARED), "application/json", 422),
        ("%20", encoded(CLEARED), "application/json", 422),
    ],
)
async def test_what_is_no_mapping_is_refused(door: Door, name: str, content: bytes, kind: str, status: int) -> None:
    answer = await door.client.put(f"/v1/mappings/{name}", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_every_process_knows_a_mapping_and_one_that_starts_knows_it_before_it_is_ready(
    backbone: StackConfig,
) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    other = replace(config, ingest_port=free_ports(1)[0])
    async with open_door(config) as one, AsyncExitStack() as stack:
        kept = await put(one, DECLARED)
        late = await stack.enter_async_context(open_door(other))
        assert (await late.client.get("/v1/mappings/erp-1")).json() == kept
        changed_one = await put(late, changed(DECLARED, title="Of the other"))

        async def follows() -> bool:
            return bool((await one.client.get("/v1/mappings/erp-1")).json() == changed_one)

        await until(follows, "the first to know what the second was told", 5)
        assert (await one.client.delete("/v1/mappings/erp-1")).status_code == 204

        async def forgot() -> bool:
            return (await late.client.get("/v1/mappings/erp-1")).status_code == 404

        await until(forgot, "the second to forget what the first was told to", 5)


async def test_an_upload_tells_the_version_that_it_was_read_by(door: Door) -> None:
    for title in ("one", "two"):
        kept = await put(door, changed(DECLARED, title=title), "versions")
        _, summary = told(await post(door, csv_of(row("S-1")), mapping="versions", dry_run="true"))
        assert summary["mapping"] == {"name": "versions", "version": kept["version"]}


async def test_the_topic_is_compacted_and_holds_a_record_for_each_put(backbone: StackConfig) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config) as door:
        version = (await put(door, DECLARED))["version"]
        await put(door, DECLARED)
        await door.client.delete("/v1/mappings/erp-1")
    records = await published(config, config.topics.mappings)
    assert [record.key for record in records] == [b'["default","erp-1"]'] * 2
    assert (records[0].offset, records[1].value) == (version, None)
    admin = AIOKafkaAdminClient(bootstrap_servers=config.bootstrap)
    await admin.start()
    try:
        topic = ConfigResource(ConfigResourceType.TOPIC, config.topics.mappings)
        (answer,) = await admin.describe_configs([topic])
    finally:
        await admin.close()
    settings = {name: value for name, value, *_ in answer.resources[0][4]}
    assert settings["cleanup.policy"] == "compact"


async def test_a_record_that_is_no_mapping_is_passed_over(backbone: StackConfig) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with producing(config.bootstrap, "test") as producer:
        for key, value in ((b"?", b"?"), (b'["default","old"]', b'{"by":"x","mapping":{"type":"gone"}}')):
            await producer.send_and_wait(config.topics.mappings, value, key=key, partition=0)
    async with open_door(config) as door:
        assert await names(door) == []
        await put(door, DECLARED)
        assert await names(door) == ["erp-1"]


async def test_it_is_not_ready_before_mappings_are_read(backbone: StackConfig) -> None:
    config = own_config(backbone)
    topics = replace(config.topics, mappings=config.topics.events)  # created without the one for mappings
    await create_topics(config.bootstrap, topics)
    keeper = ingest_keeper(config)
    async with httpx.AsyncClient(base_url=config.url_of("ingest"), timeout=5, verify=PLAIN) as client:
        try:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4):
                    await keeper.start()
            answer = await client.get("/health/ready")
            assert (answer.status_code, "topics missing" in str(answer.json()["checks"]["mappings"])) == (503, True)
            assert (await client.get("/v1/mappings")).status_code == 503
            upload = await client.post("/v1/uploads?mapping=m", content=b"x", headers={"content-type": CSV})
            assert (upload.status_code, "retry-after" in upload.headers) == (503, True)
            await create_topics(config.bootstrap, config.topics)

            async def is_ready() -> bool:
                return (await client.get("/health/ready")).status_code == 200

            await until(is_ready, "it to read the mappings", 20)
        finally:
            await keeper.stop()


async def test_a_tenant_has_so_many_mappings(backbone: StackConfig) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    async with open_door(config, max_mappings=2) as door:
        for name in ("a", "b"):
            await put(door, CLEARED, name)
        answer = await door.client.put("/v1/mappings/c", content=encoded(CLEARED), headers=JSON)
        assert answer.status_code == 409
        await put(door, changed(CLEARED, title="changed"), "b")
        assert (await door.client.delete("/v1/mappings/a")).status_code == 204
        await put(door, CLEARED, "c")


async def test_a_mapping_is_its_tenants_and_speaks_for_the_callers_sources(
    backbone: StackConfig, tmp_path: Path
) -> None:
    config = own_config(backbone)
    await create_topics(config.bootstrap, config.topics)
    keys = str(write_keys(tmp_path))
    scope = "mappings:read mappings:write events:write"
    ours, theirs = (bearer(token(scope, tenant=tenant)) for tenant in ("ours", "theirs"))
    elsewhere = bearer(token(scope, tenant="ours", sources=["/erp/plant-2"]))
    async with (
        running(config, "ingest", LANEWATCH_AUTH_KEYS_FILE=keys, LANEWATCH_CLOCK="replay") as program,
        httpx.AsyncClient(base_url=program.url, timeout=20, verify=PLAIN) as client,
    ):
        path = "/v1/mappings/erp-1"

        async def asked(method: str, who: dict[str, str], content: bytes | None = None) -> Any:
            return await client.request(method, path, content=content, headers={**who, **JSON})

        refused = await asked("PUT", elsewhere, encoded(DECLARED))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/source")
        assert (await asked("PUT", ours, encoded(DECLARED))).json()["by"] == "test"
        assert (await asked("GET", ours)).status_code == 200
        for method in ("GET", "DELETE"):
            assert (await asked(method, theirs)).status_code == 404
        assert (await client.get("/v1/mappings", headers=theirs)).json()["items"] == []

        async def upload(who: dict[str, str]) -> Any:
            headers = {**who, "content-type": CSV}
            return await client.post("/v1/uploads?mapping=erp-1", content=csv_of(row("S-1")), headers=headers)

        assert (await upload(theirs)).status_code == 404
        assert (await upload(ours)).status_code == 202
        denied = await upload(elsewhere)
        assert (denied.status_code, told(denied)[0][0]["status"]) == (422, 403)
        for lacking, method in (("mappings:write events:write", "GET"), ("mappings:read events:write", "PUT")):
            assert (await asked(method, bearer(token(lacking, tenant="ours")), b"{}")).status_code == 403
