"""Every example of a message about licences or their usage gives what it says, or is refused for the right reason."""

from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from services.ingest.domain.faults import Fault
from services.ingest.domain.formats.foreign import Translation
from services.ingest.domain.formats.usage.message import translate
from services.ingest.domain.json_text import parse
from services.ingest.domain.reading import Accepted, Limits, read_structured
from shared.cloudevents import write
from shared.events import EventRetracted, LicenceUseBroughtForward

EXAMPLES = Path(__file__).parent / "examples" / "usage"
LIMITS = Limits(event_bytes=100_000, batch_bytes=1_000_000, batch_items=50, is_clock_taken=False)
SECOND = "2e5a4fd0-e581-4efd-9770-ac68e04852d2"
LICENCE = "GBSIEL/2026/0000001/P"
OF_TERMS = {"/id", "/organisation/id", "/organisation/name", "/organisation/address", "/end_user/address/line_1"}


class Given(NamedTuple):
    """What a licence of a message gives: its events, where something is noted, and where it is refused."""

    kinds: tuple[str, ...] = ()
    notes: frozenset[str] | set[str] = frozenset()
    flaws: frozenset[str] | set[str] = frozenset()


def of_goods(*numbers: int, of: tuple[str, ...] = ("id", "name")) -> set[str]:
    return {f"/goods/{number}/{field}" for number in numbers for field in of}


VALUE = {"/goods/0/value"}
EXPECTED: dict[str, list[Given]] = {
    "licence-insert": [Given(("licence.issued",), OF_TERMS | of_goods(0) | VALUE)],
    "licence-units": [
        Given(("licence.issued",), OF_TERMS | of_goods(0, 1, 2, 3, 4) | {"/goods/5/unit", "/goods/6/unit"})
    ],
    "licence-by-value": [Given(("licence.issued",), OF_TERMS | of_goods(0, 1, 2))],
    "licence-open": [Given(("licence.issued",), (OF_TERMS - {"/end_user/address/line_1"}) | of_goods(0))],
    "licence-replace": [Given(("licence.amended",), OF_TERMS | of_goods(0) | VALUE)],
    "licence-update": [Given(("licence.revoked", "licence.issued"), OF_TERMS | of_goods(0) | VALUE)],
    "licence-cancel": [
        Given(
            ("licence.revoked",),
            {"/id", "/type", "/start_date", "/end_date", "/organisation", "/end_user", "/goods"},
        )
    ],
    "licence-no-goods-known": [Given(flaws={"/goods"})],
    "licence-open-without-goods": [Given(flaws={"/goods"})],
    "licence-update-by-id": [Given(flaws={"/old_reference"})],
    "licence-cancel-undated": [Given(flaws={"/created_at"})],
    "licence-import": [Given(flaws={"/type"})],
    "licence-unsound": [
        Given(
            flaws={
                "/action",
                "/created_at",
                "/start_date",
                "/end_date",
                "/organisation/name",
                "/goods/0/quantity",
                "/goods/1/unit",
                "/goods/2/quantity",
                "/goods/3/quantity",
            }
        )
    ],
    "usage-first": [Given(("licence.use_brought_forward",), of_goods(0, of=("id",)))],
    "usage-later": [Given(("event.retracted", "licence.use_brought_forward"), of_goods(0, of=("id",)))],
    "usage-lines-apart": [
        Given(("event.retracted", "licence.use_brought_forward") * 5, of_goods(0, 1, 2, 3, 4, of=("id",)))
    ],
    "usage-ends": [
        Given(("licence.use_brought_forward", "licence.surrendered"), of_goods(0, of=("id",))),
        Given(("licence.revoked",)),
        Given(("licence.use_brought_forward",), {"/action"} | of_goods(0, of=("id",))),
        Given((), {"/action"}),
    ],
    "usage-pieces": [Given((), {"/goods/0/unit"})],
    "usage-by-id": [Given(("licence.use_brought_forward",), of_goods(0, of=("id",)))],
    "usage-dated-as-lite-sends-it": [Given(flaws=of_goods(0, of=("line_number", "unit", "replaces")))],
    "usage-unsound": [
        Given(
            flaws={
                "/goods/0/line_number",
                "/goods/1/usage",
                "/goods/2/replaces",
                "/goods/3/currency",
                "/goods/5/line_number",
            }
        ),
        Given(flaws={"/action"}),
        Given(("licence.use_brought_forward",), of_goods(0, of=("id",))),
        Given(flaws={"/reference"}),
        Given(flaws={""}),
        Given(flaws={"/goods/0/line_number"}),
    ],
}
REFUSED = {"usage-as-lite-sends-it": "/created_at", "no-message": "", "no-list": "/licences"}


def read(example: str) -> list[Translation]:
    given = translate(parse((EXAMPLES / f"{example}.json").read_bytes()))
    assert isinstance(given, list)
    return given


def data(example: str, index: int = 0) -> list[Any]:
    return [event.data for event in read(example)[index].events]


def test_every_example_is_told_of_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.json")} == EXPECTED.keys() | REFUSED.keys()


@pytest.mark.parametrize("example", EXPECTED)
def test_example_gives_what_it_says_and_names_the_rest(example: str) -> None:
    given = read(example)
    assert len(given) == len(EXPECTED[example])
    for translation, expected in zip(given, EXPECTED[example], strict=True):
        assert [event.type for event in translation.events] == [f"trade.{kind}" for kind in expected.kinds]
        flaws = translation.fault.errors if translation.fault else ()
        assert {flaw.pointer for flaw in translation.unmapped} >= {translation.pointer + x for x in expected.notes}
        assert {flaw.pointer for flaw in flaws} == {translation.pointer + x for x in expected.flaws}
        if not flaws:
            assert {flaw.pointer for flaw in translation.unmapped} == {translation.pointer + x for x in expected.notes}


@pytest.mark.parametrize("example", REFUSED)
def test_example_is_refused_as_a_whole_where_it_says_too_little(example: str) -> None:
    fault = translate(parse((EXAMPLES / f"{example}.json").read_bytes()))
    assert isinstance(fault, Fault)
    assert [flaw.pointer for flaw in fault.errors] == [REFUSED[example]]


@pytest.mark.parametrize("example", EXPECTED)
def test_every_event_that_is_made_keeps_the_contract(example: str) -> None:
    for event in (event for translation in read(example) for event in translation.events):
        item = read_structured(write(event), LIMITS)
        assert isinstance(item, Accepted)
        assert item.key.startswith("licence:")


def test_masses_are_exact_in_every_unit() -> None:
    (terms,) = data("licence-units")
    assert [(line.line_no, line.mass.mg) for line in terms.lines] == [
        (1, 1_500_000_000),
        (2, 250_000),
        (3, 11),
        (4, 20),
        (5, 3),
    ]


def test_lines_are_limited_by_what_controls_them() -> None:
    both, value, unlimited = data("licence-by-value")[0].lines
    assert (both.mass.value, both.value.units, both.covers.hs) == (Decimal("10.0"), 200_005_000, ("81019400",))
    assert (value.mass, value.value.units) == (None, 10_000_000)
    assert (unlimited.mass, unlimited.value) == (None, None)


def test_the_last_day_of_a_licence_is_a_day_on_which_it_can_be_used() -> None:
    (terms,) = data("licence-insert")
    assert terms.valid_from.isoformat() == "2026-06-02T00:00:00+00:00"
    assert terms.valid_until.isoformat() == "2028-06-03T00:00:00+00:00"


def test_an_open_licence_is_for_its_countries_without_their_parts() -> None:
    (terms,) = data("licence-open")
    assert (terms.kind, terms.destinations) == ("general", ("CA", "AE"))


def test_an_update_under_a_new_reference_ends_the_old_licence() -> None:
    ended, begun = data("licence-update")
    assert (ended.licence_id, begun.licence_id) == (LICENCE, f"{LICENCE}/A")


def test_a_later_total_takes_the_place_of_the_earlier_one_by_its_name() -> None:
    (first,) = read("usage-first")[0].events
    back, later = read("usage-later")[0].events
    assert back.data == EventRetracted(
        entity=f"licence:{LICENCE}",
        source=first.source,
        id=first.id,
        reason=f"its place takes the total of report {SECOND}",
    )
    assert isinstance(later.data, LicenceUseBroughtForward)
    assert later.data.mass
    assert later.data.mass.value == Decimal("25.5")


def test_each_line_can_follow_another_report() -> None:
    back = [each.id for each in data("usage-lines-apart") if isinstance(each, EventRetracted)]
    assert [each.partition("/")[0] for each in back] == ["u-9", "u-7", "u-9", "u-9", "u-9"]


def test_a_total_counts_in_what_controls_its_line() -> None:
    totals = [each for each in data("usage-lines-apart") if isinstance(each, LicenceUseBroughtForward)]
    assert [(each.mass and each.mass.mg, each.value and each.value.units) for each in totals] == [
        (17_000_000, None),
        (0, None),
        (None, 1_502_500),
        (None, 0),
        (2_500_000_000, 100_000),
    ]


def test_a_licence_ends_on_the_day_that_is_told() -> None:
    (_, surrendered), (cancelled,), *_ = (translation.events for translation in read("usage-ends"))
    assert surrendered.time.isoformat() == "2026-06-30T00:00:00+00:00"
    assert cancelled.time.isoformat() == "2026-07-01T03:00:00+00:00"
