"""Every example of an EPCIS 2.0 document is taken, noted or refused for the right reason, one by one."""

from pathlib import Path
from typing import NamedTuple

import pytest

from services.ingest.domain.faults import Fault, Flaw
from services.ingest.domain.formats.epcis.document import translate
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.json_text import parse
from services.ingest.domain.reading import Accepted, Limits, read_structured
from shared.cloudevents import write

EXAMPLES = Path(__file__).parent / "examples" / "epcis"
LIMITS = Limits(event_bytes=100_000, batch_bytes=1_000_000, batch_items=50, is_clock_taken=False)
LIST = "/epcisBody/eventList"
DESPATCH = "urn:epcglobal:cbv:bt:9521141000008:1152"
GSIN = "95211411234567892"


class Given(NamedTuple):
    """What an event of an example gives: kinds, shipments, and, with a part of why, what is noted or refuses it."""

    kinds: tuple[str, ...] = ()
    shipments: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    flaws: tuple[tuple[str, str], ...] = ()


def takes(kind: str, shipment: str, *notes: tuple[str, str]) -> Given:
    return Given((f"trade.{kind}",), (shipment,), (*notes, ("/epcList", "that were declared")))


def notes(where: str, why: str, *more: tuple[str, str]) -> Given:
    return Given(notes=((where, why), *more))


def refuses(*flaws: tuple[str, str]) -> Given:
    return Given(flaws=flaws)


DELIVERED = takes("shipment.delivered", DESPATCH)
DEPARTED = takes("shipment.departed", DESPATCH)
LESS = "less particular name"
STOP = "a stop on the way"

EXPECTED: dict[str, list[Given]] = {
    "object-events": [
        notes("", "names no shipment"),
        takes(
            "shipment.delivered",
            DESPATCH,
            ("/bizLocation", "one place"),
            ("/example:myField", "no place"),
            ("/bizTransactionList/0", LESS),
        ),
    ],
    "digital-links": [takes("shipment.departed", GSIN, ("/sourceList", "parties"))],
    "sender-and-receiver": [DEPARTED],
    "commissioning": [notes("/bizStep", "inside a company")],
    "aggregation": [notes("/type", "packed with what")],
    "transformation": [notes("/type", "made of what")],
    "association": [notes("/type", "fixed to what")],
    "transactions": [
        notes("/bizStep", "a vocabulary that is not read"),
        notes("/bizStep", "under way"),
        takes("shipment.departed", "urn:epcglobal:cbv:bt:9529999000001:MBL-77", ("/bizTransactionList/1", LESS)),
        notes("/bizStep", "send it again with errorDeclaration"),
        notes("/action", "taken out of the transaction"),
    ],
    "query-results": [takes("shipment.arrived", DESPATCH)],
    "error-declaration": [
        DELIVERED,
        takes("event.retracted", f"shipment:{DESPATCH}"),
        DELIVERED,
        notes("/bizStep", "inside a company", ("/errorDeclaration", "nothing had been taken")),
    ],
    "persistent-disposition": [notes("/bizStep", "no authority need have ordered")],
    "all-fields": [
        takes(
            "shipment.delivered",
            DESPATCH,
            ("/recordTime", "another system"),
            ("/certificationInfo", "evidence"),
            ("/bizLocation", "one place"),
            ("/quantityList", "that were declared"),
            ("/sourceList", "parties"),
            ("/destinationList", "parties"),
            ("/sensorElementList", "sensors"),
            ("/persistentDisposition", "stays true"),
            ("/ilmd", "in a declaration"),
            ("/ext1:object", "no place"),
            ("/bizTransactionList/0", LESS),
        ),
        notes("/readPoint/id", f"not the destination that the event names, so this is {STOP}"),
        notes("/readPoint/id", f"not the source that the event names, so this is {STOP}"),
    ],
    "sensors": [notes("/bizStep", "inside a company")],
    "words-as-uris": [DEPARTED, takes("shipment.arrived", DESPATCH), DELIVERED],
    "bare-event": [takes("shipment.departed", GSIN)],
    "extended-event": [notes("/type", "EPCIS does not know")],
    "own-declaration": [
        takes("shipment.declared", "SHP-42", ("/bizStep", "ready to leave")),
        takes("shipment.cleared", "SHP-42", ("/bizTransactionList/0", LESS)),
        takes("shipment.held", "SHP-42"),
        takes("shipment.released", "SHP 42"),
    ],
    "two-shipments": [
        Given(
            ("trade.shipment.departed",) * 2,
            (DESPATCH, "urn:epcglobal:cbv:bt:9521141000008:1153"),
            (("/epcList", "that were declared"),),
        )
    ],
    "coming-back": [notes("/disposition", "came or go back"), notes("/action", "are no more")],
    "master-data": [notes("", "master data has no place"), notes("", "says no business step")],
    "unsound-events": [
        refuses(("/eventTime", "with its UTC offset")),
        refuses(("/eventTimeZoneOffset", "not an offset"), ("/action", "not one of")),
        refuses(("/action", "not one of OBSERVE, ADD, DELETE")),
        refuses(("/bizTransactionList/0/bizTransaction", "1 to 128 characters")),
        refuses(
            ("/errorDeclaration/declarationTime", "with its UTC offset"),
            ("/errorDeclaration/reason", "not a word"),
            ("/errorDeclaration/correctiveEventIDs", "not a list of ids"),
        ),
        refuses(("", "an event is an object")),
        refuses(("/eventID", "1 to 256 characters")),
        DEPARTED,
    ],
    "unsound-declaration": [
        refuses(("/lanewatch:declaration/shipment_id", f"the event itself names {DESPATCH}")),
        refuses(
            ("/lanewatch:declaration/origin", "ISO 3166-1"),
            ("/lanewatch:declaration/lines/0/line_no", "not a whole number from 1 to 9,999: 1.5"),
            ("/lanewatch:declaration/lines/0/net_mass", "must not be negative"),
        ),
    ],
}
REFUSED = {
    "earlier-version": ("/schemaVersion", "EPCIS 2.0 is read"),
    "no-version": ("/schemaVersion", "missing"),
    "no-list": (LIST, "missing"),
    "no-epcis": ("/type", "not a type"),
}


def read(example: str) -> list[Translation] | Fault:
    return translate(parse((EXAMPLES / f"{example}.json").read_bytes()))


def test_every_example_is_told_of_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == EXPECTED.keys() | REFUSED.keys()


@pytest.mark.parametrize("example", EXPECTED)
def test_example_gives_what_it_says_and_names_the_rest(example: str) -> None:
    given = read(example)
    assert isinstance(given, list)
    assert len(given) == len(EXPECTED[example])
    for translation, expected in zip(given, EXPECTED[example], strict=True):
        assert tuple(event.type for event in translation.events) == expected.kinds
        named = (getattr(event.data, "shipment_id", None) or event.data.entity for event in translation.events)
        assert tuple(named) == expected.shipments
        agree(translation.unmapped, expected.notes, translation.pointer)
        agree(translation.fault.errors if translation.fault else (), expected.flaws, translation.pointer)


def agree(told: tuple[Flaw, ...], expected: tuple[tuple[str, str], ...], place: str) -> None:
    why = {flaw.pointer: flaw.detail for flaw in told}
    assert len(why) == len(told)
    assert why.keys() == {place + where for where, _ in expected}
    for where, part in expected:
        assert part in why[place + where]


@pytest.mark.parametrize("example", REFUSED)
def test_example_is_refused_as_a_whole_where_it_is_no_epcis_2(example: str) -> None:
    fault = read(example)
    assert isinstance(fault, Fault)
    assert fault.status == 422
    ((where, why),) = ((flaw.pointer, flaw.detail) for flaw in fault.errors)
    assert where == REFUSED[example][0]
    assert REFUSED[example][1] in why


@pytest.mark.parametrize("example", EXPECTED)
def test_every_event_that_is_made_keeps_the_contract(example: str) -> None:
    given = read(example)
    assert isinstance(given, list)
    for event in (event for translation in given for event in translation.events):
        item = read_structured(write(event), LIMITS)
        assert isinstance(item, Accepted)
        assert (item.source, item.id) == (event.source, event.id)
        assert item.key.startswith("shipment:")


@pytest.mark.parametrize("example", EXPECTED)
def test_example_that_is_sent_again_gives_the_same_bytes(example: str) -> None:
    first, second = read(example), read(example)
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert [write(e) for t in first for e in t.events] == [write(e) for t in second for e in t.events]


def test_every_event_is_told_of_where_it_stands() -> None:
    given = read("unsound-events")
    assert isinstance(given, list)
    assert [translation.pointer for translation in given] == [f"{LIST}/{index}" for index in range(8)]
