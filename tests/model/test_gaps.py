"""Where the engine is known to part from its rules, a case by hand for each: the reference shows what the rules say.

Once the engine does as they say its case fails as unexpectedly good; then the gap leaves `gaps.py`.
"""

from collections.abc import Callable

import pytest

from tests.model.engine import POLICY, WholeBookEngine
from tests.model.gaps import KNOWN, Gap
from tests.model.play import Play
from tests.model.reference import Reference
from tests.model.world import Data, day

Case = Callable[[Play], None]
CASES: dict[Gap, Case] = {}


def of(gap: Gap) -> Callable[[Case], Case]:
    def noted(case: Case) -> Case:
        CASES[gap] = case
        return case

    return noted


def evidence(until: int) -> list[Data]:
    return [{"kind": "origin", "reference": "D", "valid_from": day(-5), "valid_until": day(until)}]


@of(Gap.LATE_REINSTATEMENT)
def a_licence_that_may_not_be_drawn_is_not_shown_as_active_and_can_be_reinstated(play: Play) -> None:
    play.regime()
    play.licence(100)
    play.give("licence.suspended", 10, licence_id="L1")
    play.give("licence.reinstated", 8, licence_id="L1")
    assert play.books.licence_state("L1") == "suspended"
    play.ship("S1", 10, at=11)
    again = play.give("licence.reinstated", 12, licence_id="L1")
    play.ship("S2", 10, at=13)
    assert (play.ended(again), play.outcomes("S1", "S2")) == (["decided"], ["denied", "permitted"])


@of(Gap.UNUSED_LAPSES)
def a_licence_that_no_regime_asked_for_asks_for_no_evidence(play: Play) -> None:
    play.regime(requires="nothing")
    play.licence(100, needs_evidence=["origin"])
    play.ship("S", 10, evidence=evidence(3))
    play.step("S", "cleared", at=4)
    assert play.outcomes("S") == ["permitted"]


@of(Gap.WARNS_BEYOND)
def a_line_with_a_warning_draws_what_is_left_and_no_more(play: Play) -> None:
    play.regime(beyond_mass="warn", mass_tolerance={"of": "line", "percent": 10})
    play.licence(100)
    play.ship("S", 150)
    assert play.sums() == (100, 100, 0)


@of(Gap.LEFT_LATER)
def goods_that_left_only_after_their_evidence_had_expired_are_held(play: Play) -> None:
    play.regime(needs_evidence=["origin"])
    play.licence(100)
    play.ship("S", 10, evidence=evidence(3))
    departed = play.step("S", "departed", at=2)
    play.step("S", "cleared", at=4)
    play.retract("shipment:S", departed)
    assert (play.outcomes("S"), play.sums()) == (["held"], (100, 0, 10))


@pytest.mark.parametrize("gap", list(Gap))
def test_the_reference_does_as_the_rules_say(gap: Gap) -> None:
    CASES[gap](Play(Reference(POLICY.parking_days)))


PARTS = pytest.mark.xfail(strict=True, reason="the engine is known to part from the reference here")


@pytest.mark.parametrize("gap", [pytest.param(gap, marks=PARTS if gap in KNOWN else ()) for gap in Gap])
def test_the_engine_does_as_the_rules_say(gap: Gap) -> None:
    CASES[gap](Play(WholeBookEngine()))
