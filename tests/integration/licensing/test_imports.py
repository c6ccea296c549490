"""Imports on a real database: planned against the books, written whole or not at all, and booked as the file says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.licensing import importer
from services.licensing.importer import Outcome, UnderWayError
from services.licensing.importing.events import content_hash
from services.licensing.importing.register import read_register
from services.licensing.store import imports
from shared.cloudevents import entity_key, read_trade_event
from shared.database import transaction
from tests.integration.licensing.conftest import TOPIC, Desk
from tests.support.registers import csv_of, row
from tests.support.trade import declared, event, licence, regime

AT = datetime(2025, 5, 1, 8, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[3] / "docs" / "licensing" / "register-example.csv"


async def take_in(desk: Desk, data: bytes, at: datetime = AT) -> Outcome:
    async with transaction(desk.engine) as c:
        return await importer.take_in(c, read_register(data), content_hash(data, None), TOPIC, at)


async def dry_run(desk: Desk, data: bytes) -> Outcome:
    async with transaction(desk.engine) as c:
        return await importer.dry_run(c, read_register(data))


async def feed_outbox(desk: Desk) -> list[Any]:
    """Hand what imports wrote to the desk, as the relay and Kafka do; return the rows."""
    rows = await desk.sql(
        "UPDATE licensing.outbox SET published_at = now() WHERE number IN (SELECT number FROM licensing.outbox"
        " WHERE topic = :topic AND published_at IS NULL) RETURNING number, key, body, headers",
        topic=TOPIC,
    )
    rows = sorted(rows)
    if rows:
        await desk.feed(*(row.body for row in rows))
    return list(rows)


async def everything(desk: Desk) -> dict[str, Any]:
    tables = ("import", "import_event", "outbox", "licence", "account", "ledger_entry", "event")
    return {table: await desk.sql(f"SELECT * FROM licensing.{table} ORDER BY 1, 2") for table in tables}  # noqa: S608


def what(outcome: Outcome) -> dict[str, str]:
    return {change.licence_id: change.what for change in outcome.changes}


def fields(outcome: Outcome, licence_id: str) -> dict[str, tuple[str, str]]:
    (change,) = (change for change in outcome.changes if change.licence_id == licence_id)
    return {difference.field: (difference.old, difference.new) for difference in change.differences}


async def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    await desk.feed(licence("L-1"))
    before = await everything(desk)
    outcome = await dry_run(desk, csv_of(row(mass="1200"), row(licence_id="L-2")))
    assert what(outcome) == {"L-1": "amended", "L-2": "new"}
    assert await everything(desk) == before


async def test_a_file_with_one_bad_row_imports_nothing(desk: Desk) -> None:
    before = await everything(desk)
    outcome = await take_in(desk, csv_of(row(), row(licence_id="L-2", mass="1,000"), row(licence_id="L-3")))
    assert (outcome.is_importable, outcome.number, outcome.events) == (False, None, ())
    assert await everything(desk) == before


async def test_a_licence_that_is_refused_keeps_the_others_from_being_imported(desk: Desk) -> None:
    await desk.feed(licence("L-1"), event("trade.licence.revoked", {"licence_id": "L-1"}))
    before = await everything(desk)
    outcome = await take_in(desk, csv_of(row(mass="1200"), row(licence_id="L-2")))
    assert what(outcome) == {"L-1": "refused", "L-2": "new"}
    assert "is revoked and cannot be amended" in outcome.changes[0].reason
    assert await everything(desk) == before


async def test_new_licences_are_booked_as_the_file_says(desk: Desk) -> None:
    outcome = await take_in(desk, csv_of(row(), row(line_no="2", mass="2.5", unit="t"), row(licence_id="L-2")))
    assert what(outcome) == {"L-1": "new", "L-2": "new"}
    rows = await feed_outbox(desk)
    assert [(row.key, row.headers) for row in rows] == [("licence:L-1", "{}"), ("licence:L-2", "{}")]
    for row_ in rows:
        assert entity_key(read_trade_event(row_.body)) == row_.key
    accounts = await desk.sql("SELECT account_id, granted FROM licensing.account ORDER BY 1")
    assert [tuple(account) for account in accounts] == [
        ("licence:L-1:1", 1000 * 10**6),
        ("licence:L-1:2", 2500 * 10**6),
        ("licence:L-2:1", 1000 * 10**6),
    ]
    for made in outcome.events:
        found = await desk.event(made["id"], made["source"])
        assert (found["status"], found["entity"]) == ("decided", f"licence:{made['licence_id']}")


async def test_importing_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    data = csv_of(row(), row(licence_id="L-2"))
    first = await take_in(desk, data)
    again = await take_in(desk, data, datetime(2025, 6, 1, tzinfo=UTC))
    assert (again.number, [e["id"] for e in again.events]) == (first.number, [e["id"] for e in first.events])
    assert len(await feed_outbox(desk)) == 2
    before = await everything(desk)
    third = await take_in(desk, data)
    assert (what(third), third.number) == ({"L-1": "unchanged", "L-2": "unchanged"}, None)
    assert await everything(desk) == before


async def test_another_file_waits_until_the_events_of_the_one_before_are_dealt_with(desk: Desk) -> None:
    await take_in(desk, csv_of(row()))
    other = csv_of(row(mass="1200"))
    with pytest.raises(UnderWayError, match="1 events of import 1"):
        await take_in(desk, other)
    with pytest.raises(UnderWayError):
        await dry_run(desk, other)
    await feed_outbox(desk)
    assert what(await take_in(desk, other)) == {"L-1": "amended"}


async def test_a_file_that_undoes_a_later_one_is_booked_again(desk: Desk) -> None:
    old, new = csv_of(row()), csv_of(row(mass="1200"))
    for data, granted_kg in ((old, 1000), (new, 1200), (old, 1000), (new, 1200)):
        await take_in(desk, data)
        await feed_outbox(desk)
        (account,) = await desk.sql("SELECT granted FROM licensing.account")
        assert account.granted == granted_kg * 10**6


async def test_only_what_differs_in_meaning_is_amended_and_each_field_is_named(desk: Desk) -> None:
    await desk.feed(licence("L-1", destinations=["DE", "CZ"], bars_re_export=True, ports=["CNSHA"]))
    same = csv_of(row(destinations="CZ|DE", mass="1", unit="t", valid_from="2025-04-28T08:00:00+08:00"))
    assert what(await dry_run(desk, same)) == {"L-1": "unchanged"}
    other = csv_of(
        row(destinations="DE|AT", mass="1200", hs="850511|850519", ports="", valid_until="2025-12-01"),
        row(destinations="", valid_until="", line_no="2", elements="Dy", mass="", unit=""),
    )
    outcome = await take_in(desk, other)
    assert fields(outcome, "L-1") == {
        "destinations": ("DE, CZ", "DE, AT"),
        "ports": ("CNSHA", ""),
        "valid_until": ("2025-10-28T00:00:00Z", "2025-12-01T00:00:00Z"),
        "line 1 hs": ("850511", "850511, 850519"),
        "line 1 mass": ("1000 KGM", "1200 KGM"),
        "line 2": ("", "850511; Dy: without limit"),
    }
    await feed_outbox(desk)
    assert what(await dry_run(desk, other)) == {"L-1": "unchanged"}
    (found,) = await desk.sql("SELECT terms FROM licensing.licence")
    assert json.loads(found.terms)["bars_re_export"] is True, "the file has no column for it"


async def test_a_licence_that_shipments_wait_for_is_new(desk: Desk) -> None:
    await desk.feed(regime(), declared("S-1", licence_id="L-1"))
    assert (await desk.shipment("S-1"))["waiting_for"] == "licence:L-1"
    outcome = await take_in(desk, csv_of(row()))
    assert what(outcome) == {"L-1": "new"}
    await feed_outbox(desk)
    assert (await desk.shipment("S-1"))["outcome"] == "permitted"


async def test_an_import_tells_what_became_of_its_events(desk: Desk) -> None:
    outcome = await take_in(desk, csv_of(row()))
    assert outcome.number is not None
    found = await desk.ask(imports.find, outcome.number)
    assert [e["status"] for e in found.events] == ["waiting"]
    # The licence is issued from elsewhere before the import's event is read.
    await desk.feed(licence("L-1"))
    await feed_outbox(desk)
    found = await desk.ask(imports.find, outcome.number)
    assert [e["status"] for e in found.events] == ["dead"]
    assert "cannot be issued" in found.events[0]["reason"]
    assert what(await dry_run(desk, csv_of(row(mass="5")))) == {"L-1": "amended"}


async def test_opening_balances_are_brought_forward_once(desk: Desk) -> None:
    data = csv_of(
        row(used_mass="250.5", value="9000", currency="EUR", used_value="100.25"),
        row(line_no="2", mass="2", unit="t", used_mass="0"),
    )
    outcome = await take_in(desk, data)
    assert [e["type"].rpartition(".")[2] for e in outcome.events] == ["issued", "use_brought_forward"]
    await feed_outbox(desk)
    assert await balances(desk) == {
        "licence:L-1:1": (1000 * 10**6, 250_500_000),
        "licence:L-1:1:value": (9000 * 10**4, 1_002_500),
        "licence:L-1:2": (2000 * 10**6, 0),
    }
    assert what(await take_in(desk, data)) == {"L-1": "unchanged"}
    assert await feed_outbox(desk) == []


async def test_an_opening_balance_can_follow_the_terms(desk: Desk) -> None:
    await desk.feed(licence("L-1"))
    data = csv_of(row(used_mass="250"))
    outcome = await take_in(desk, data)
    assert (what(outcome), fields(outcome, "L-1")) == ({"L-1": "opening"}, {"line 1 used": ("", "250 KGM")})
    await feed_outbox(desk)
    assert await balances(desk) == {"licence:L-1:1": (1000 * 10**6, 250 * 10**6)}
    assert what(await dry_run(desk, data)) == {"L-1": "unchanged"}
    assert what(await dry_run(desk, csv_of(row()))) == {"L-1": "unchanged"}
    assert refusal(await dry_run(desk, csv_of(row(used_mass="251")))) == (
        "row 2, line 1, used 251 KGM: another opening balance was brought forward before"
    )


async def test_an_opening_balance_that_was_taken_back_can_be_brought_forward_anew(desk: Desk) -> None:
    outcome = await take_in(desk, csv_of(row(used_mass="250")))
    await feed_outbox(desk)
    named = {"entity": "licence:L-1", "source": outcome.events[1]["source"], "id": outcome.events[1]["id"]}
    await desk.feed(event("trade.event.retracted", named, time="2025-05-03T08:00:00Z"))
    assert await balances(desk) == {"licence:L-1:1": (1000 * 10**6, 0)}
    for kg in (300, 300):
        await take_in(desk, csv_of(row(used_mass=str(kg))))
        await feed_outbox(desk)
        assert await balances(desk) == {"licence:L-1:1": (1000 * 10**6, kg * 10**6)}


async def test_an_opening_balance_is_refused_where_shipments_have_drawn(desk: Desk) -> None:
    await desk.feed(regime(), licence("L-1"), declared("S-1", licence_id="L-1", kg="10"))
    assert (await desk.shipment("S-1"))["outcome"] == "permitted"
    outcome = await take_in(desk, csv_of(row(used_mass="250")))
    assert "shipments have drawn on the licence" in refusal(outcome)
    assert await feed_outbox(desk) == []


@pytest.mark.parametrize(
    "over,reason",
    [
        ({"used_mass": "1000.000001"}, "more was used than the line grants"),
        ({"used_value": "5", "currency": "EUR"}, "no limit of this kind"),
        ({"used_mass": "5", "mass": "", "unit": "kg"}, "no limit of this kind"),
    ],
)
async def test_an_opening_balance_that_the_line_cannot_have_is_refused(
    desk: Desk, over: dict[str, str], reason: str
) -> None:
    assert reason in refusal(await dry_run(desk, csv_of(row(**over))))


async def test_a_value_does_not_change_its_currency(desk: Desk) -> None:
    await desk.feed(licence("L-1"))
    await take_in(desk, csv_of(row(value="9000", currency="EUR")))
    await feed_outbox(desk)
    assert (
        refusal(await dry_run(desk, csv_of(row(value="9000", currency="USD"))))
        == "line 1 is kept in EUR and cannot change to USD"
    )


@pytest.mark.parametrize("step", ["surrendered", "revoked"])
async def test_a_licence_that_ended_for_good_takes_nothing_more(desk: Desk, step: str) -> None:
    await desk.feed(licence("L-1"), event(f"trade.licence.{step}", {"licence_id": "L-1"}))
    assert what(await dry_run(desk, csv_of(row()))) == {"L-1": "unchanged"}
    assert "cannot be amended; the register changes line 1 mass" in refusal(await dry_run(desk, csv_of(row(mass="2"))))
    assert f"the licence is {step}" in refusal(await dry_run(desk, csv_of(row(used_mass="5"))))


async def test_an_application_becomes_a_licence(desk: Desk) -> None:
    await desk.feed(licence("L-1", kind="trade.licence.applied"))
    assert what(await take_in(desk, csv_of(row(used_mass="5")))) == {"L-1": "new"}
    await feed_outbox(desk)
    assert await balances(desk) == {"licence:L-1:1": (1000 * 10**6, 5 * 10**6)}


async def test_the_example_is_booked_as_it_says(desk: Desk) -> None:
    outcome = await take_in(desk, EXAMPLE.read_bytes(), datetime(2025, 7, 1, tzinfo=UTC))
    assert set(what(outcome).values()) == {"new"}
    await feed_outbox(desk)
    assert await balances(desk) == {
        "licence:LIC-2025-0001:1": (12_000 * 10**6, 2_300_500_000),
        "licence:LIC-2025-0001:1:value": (1_850_000 * 10**4, 352_000 * 10**4),
        "licence:LIC-2025-0001:2": (1_500 * 10**6, 250 * 10**6),
        "licence:LIC-2025-0003:1": (850 * 10**6, 0),
        "licence:LIC-2025-0003:uses": (1, 0),
    }
    found = await desk.ask(imports.find, outcome.number)
    assert {e["status"] for e in found.events} == {"decided"}
    assert what(await dry_run(desk, EXAMPLE.read_bytes())) == dict.fromkeys(what(outcome), "unchanged")


async def balances(desk: Desk) -> dict[str, tuple[int, int]]:
    rows = await desk.sql("SELECT account_id, granted, written_off FROM licensing.account ORDER BY account_id")
    return {row.account_id: (row.granted, row.written_off) for row in rows}


def refusal(outcome: Outcome) -> str:
    (change,) = outcome.changes
    assert (change.what, outcome.is_importable, outcome.number) == ("refused", False, None)
    return change.reason
