"""Bad records, written past the front door, end in the dead letters with field and reason; the rest goes on."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lanewatch.stack import StackConfig, Topics
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import Event, entity_key, read_trade_event
from shared.errors import PermanentError
from shared.events import TradeData
from shared.kafka import producing
from tests.integration.licensing.conftest import Desk
from tests.integration.licensing.test_batching import begin_again
from tests.support.bad import ASKED, BAD
from tests.support.mutated import mutated_log
from tests.support.running import running, until
from tests.support.topics import published
from tests.support.trade import MAGNET, declared, event, licence, milestone, quota, regime, tick


async def letters(desk: Desk) -> list[Any]:
    return list(await desk.sql("SELECT * FROM licensing.dead_letter ORDER BY partition, kafka_offset"))


async def test_a_batch_of_bad_records_costs_none_of_the_good_ones_between(desk: Desk) -> None:
    records: list[bytes] = [regime(), licence("L-1", kg="100000")]
    for number, bad in enumerate(BAD):
        ship = f"S{number}"
        records += [declared(ship, licence_id="L-1", id=ship), bad.body(f"bad-{number}"), milestone(ship, "cleared")]
    assert await desk.feed(*records) == len(BAD)
    for number, letter in enumerate(await letters(desk)):
        bad = BAD[number]
        assert (letter.kafka_offset, letter.body) == (3 * number + 3, bad.body(f"bad-{number}")), bad.name
        assert letter.pointer == bad.pointer
        assert bad.says in letter.reason
    (counts,) = await desk.sql(
        "SELECT count(*) AS all, count(*) FILTER (WHERE progress = 'cleared') AS cleared "
        "FROM licensing.shipment WHERE outcome = 'permitted'"
    )
    assert tuple(counts) == (len(BAD), len(BAD))


async def test_what_the_rules_refuse_is_buried_with_field_and_reason_and_the_rest_of_its_batch_counts(
    desk: Desk,
) -> None:
    much = {"value": "1000000000", "unit": "TNE"}
    tranches = [{"tranche_id": f"T{n}", "opens_at": "2025-09-01T00:00:00Z", "amount": much} for n in range(5)]
    usd = [{"line_no": 1, "covers": {"hs": ["850511"]}, "value": {"amount": "5", "currency": "USD"}}]
    eur = [{"line_no": 1, "covers": {"hs": ["850511"]}, "value": {"amount": "5", "currency": "EUR"}}]
    back = {"quota_id": "Q-1", "exporter": "X", "amount": {"value": "1"}}
    refused = [
        (quota("Q-2", tranches=tranches), "/data/tranches", "the tranches come to more than 4,000,000,000 t"),
        (licence("L-2", kind="trade.licence.amended", lines=usd), "/data/lines/0/value/currency", "is kept in EUR"),
        (event("trade.quota.returned", back), "/data/amount", "X has not so much left of its allocation"),
        (declared("S1", commodity=MAGNET, kg="7"), "/data/shipment_id", "shipment S1 was declared before"),
        (regime(), "/data/regime_id", "regime R-18 was announced before"),
    ]
    log = [regime(), licence("L-2", lines=eur), quota(), declared("S1", commodity=MAGNET)]
    for body, _, _ in refused:
        log += [body, declared(f"S-{len(log)}", commodity=MAGNET)]
    assert await desk.feed(*log) == len(refused)
    for (body, pointer, says), letter in zip(refused, await letters(desk), strict=True):
        assert (letter.body, letter.pointer) == (body, pointer)
        assert says in letter.reason
    assert [row.outcome for row in await desk.sql("SELECT outcome FROM licensing.shipment")] == ["permitted"] * 6
    await desk.feed(tick("2025-09-02T00:00:00Z"), declared("S-late", commodity=MAGNET))
    assert (await desk.shipment("S-late"))["outcome"] == "permitted"


async def test_the_longest_names_that_there_may_be_are_kept_and_found(desk: Desk) -> None:
    name, long_id, source = "😀" * 128, "😀" * 256, "/" + "😀" * 255
    await desk.feed(
        regime(name, authority=name),
        licence(name, authority=name, exporter=name),
        quota(name, is_allocated=True, monthly_cap={"value": "1"}),
        declared(name, exporter=name, licence_id=name, id=long_id, source=source),
        event("trade.event.retracted", {"entity": f"shipment:{name}", "source": source, "id": long_id[1:]}),
    )
    assert await letters(desk) == []
    assert (await desk.event(long_id, source))["status"] == "decided"


@pytest.mark.parametrize("name", ["a\0b", "\u202e", "x" * 900_000, "\\", "$.a[0]`"])
async def test_a_field_of_any_name_is_buried(desk: Desk, name: str) -> None:
    body = json.loads(declared("S1", commodity=MAGNET))
    body["data"][name] = 1
    bad = json.dumps(body).encode()
    assert await desk.feed(declared("S2", commodity=MAGNET), bad, declared("S3", commodity=MAGNET)) == 1
    (letter,) = await letters(desk)
    assert letter.body == bad
    assert letter.pointer.startswith("/data")
    assert letter.reason.startswith("unknown field")
    assert len(letter.pointer + letter.reason) < 500


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(log=mutated_log(), cut=st.integers(1, 12))
async def test_any_log_ends_as_its_readable_events_alone_do(desk: Desk, log: list[bytes], cut: int) -> None:
    await begin_again(desk)
    for start in range(0, len(log), cut):
        await desk.feed(*log[start : start + cut])
    book, refused = WholeBook(desk.handler.policy), 0
    events: dict[str, Event[TradeData]] = {}
    for body in log:
        try:
            found = read_trade_event(body)
        except PermanentError:
            refused += 1
            continue
        refused += book.apply(found) is not book.endings[found.name]  # another body under an id that is taken
        events.setdefault(found.name, found)
    refused += sum(ending.status == "dead" for ending in book.endings.values())
    rows = await desk.sql(
        "SELECT source || ' ' || id AS name, status, outcome, waiting_for, entity FROM licensing.event"
    )
    assert {row.name: tuple(row)[1:] for row in rows} == {
        name: (end.status, end.outcome, end.waiting_for, entity_key(events[name])) for name, end in book.endings.items()
    }
    assert len(await letters(desk)) == refused


async def test_any_number_of_bad_events_in_a_row_stops_nothing(fresh_config: StackConfig, fresh_topics: Topics) -> None:
    """A partner who exports his declarations again under new ids, and one who writes what is no event."""
    bodies = [declared("S1", commodity=MAGNET, id="first")]
    bodies += [declared("S1", commodity=MAGNET, id=f"again-{number}") for number in range(300)]
    bodies += [ASKED[number % len(ASKED)].body() for number in range(300)]
    bodies += [declared("S2", commodity=MAGNET, id="last")]
    async with running(fresh_config, "licensing", LANEWATCH_CLOCK="replay") as program:
        async with producing(fresh_config.bootstrap, "test") as producer:
            for body in bodies:
                await producer.send(fresh_topics.events, body, partition=0)

        async def is_last_decided() -> bool:
            answer = await program.get("/v1/events", source="/test", id="last")
            return bool(answer["status"] == "decided")

        await until(is_last_decided, "what came last to be decided")
        found = await program.get("/v1/audit")
        assert (found["records_read"], found["dead_letters"]) == (602, 600)
        assert await program.is_ready()


async def test_bad_records_on_the_topic_stop_nothing(fresh_config: StackConfig, fresh_topics: Topics) -> None:
    """A real process on a real broker: what a producer wrote past the front door."""
    bodies: list[bytes] = []
    for number, bad in enumerate(ASKED):
        bodies += [bad.body(f"bad-{number}"), declared(f"S{number}", commodity=MAGNET, id=f"good-{number}")]
    async with running(fresh_config, "licensing", LANEWATCH_CLOCK="replay") as program:
        async with producing(fresh_config.bootstrap, "test") as producer:
            for body in bodies:
                await producer.send_and_wait(fresh_topics.events, body, partition=0)

        async def is_all_read() -> bool:
            found = await program.get("/v1/audit")
            return bool(found["records_read"] == len(bodies) and found["unpublished"] == 0)

        await until(is_all_read, "all records to be read and all letters to be published")
        for number in range(len(ASKED)):
            answer = await program.get("/v1/events", source="/test", id=f"good-{number}")
            assert (answer["status"], answer["decisions"][0]["outcome"]) == ("decided", "permitted")
        assert await program.is_ready()
    found = await published(fresh_config, fresh_topics.dead_letters_licensing)
    assert [record.value for record in found] == bodies[::2]
    for bad, record in zip(ASKED, found, strict=True):
        headers = {name: value.decode() for name, value in record.headers}
        assert headers["pointer"] == bad.pointer
        assert bad.says in headers["reason"]
