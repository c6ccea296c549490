"""Where the engine is known to part from its rules, a case by hand for each: the reference shows what the rules say.

Once the engine does as they say its case fails as unexpectedly good; then the gap leaves `gaps.py`.
"""

from collections.abc import Callable

import pytest

from tests.model.engine import POLICY, WholeBookEngine
from tests.model.gaps import Gap
from tests.model.play import Play
from tests.model.reference import Reference

Case = Callable[[Play], None]
CASES: dict[Gap, Case] = {}


def of(gap: Gap) -> Callable[[Case], Case]:
    def noted(case: Case) -> Case:
        CASES[gap] = case
        return case

    return noted


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


@pytest.mark.parametrize("gap", list(Gap))
def test_the_reference_does_as_the_rules_say(gap: Gap) -> None:
    CASES[gap](Play(Reference(POLICY.parking_days)))


@pytest.mark.xfail(strict=True, reason="the engine is known to part from the rules here")
@pytest.mark.parametrize("gap", list(Gap))
def test_the_engine_does_as_the_rules_say(gap: Gap) -> None:
    CASES[gap](Play(WholeBookEngine()))
