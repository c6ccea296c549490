"""Conditions of filters, in CEL over the alert: checked when a filter is saved, compiled once, asked of each alert."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from services.alerts.domain.facts import VARIABLES, AlertFacts
from shared.cel.checked import expect
from shared.cel.checking import check, scope_of
from shared.cel.faults import Place, RuleFailed, RuleFault
from shared.cel.kinds import BOOL
from shared.cel.syntax import parse
from shared.cel.translating import function_of

MOST_STEPS = 20_000
"""A condition may take so many steps on one alert: a millisecond or so."""
KEPT = 16_384
"""So many conditions are kept compiled; a filter that says the same in another subscription is the same one."""


class Answer(NamedTuple):
    """Whether an alert is wanted, and how the condition failed if it did: then it is, for one too many is better."""

    is_wanted: bool
    failure: str | None = None


@lru_cache(maxsize=KEPT)
def compiled(source: str) -> Callable[[AlertFacts], bool]:
    """Return a condition that can be asked. Raises RuleFault with the place."""
    scope = scope_of(VARIABLES)
    checked = check(parse(source), scope)
    expect(checked, BOOL, what="a condition")
    if checked.cost > MOST_STEPS:
        raise RuleFault(f"may take {checked.cost:,} steps, more than {MOST_STEPS:,}", Place(1, 1))
    return function_of(checked.code, scope.constants, "condition", ("alert",))


def told(fault: RuleFault) -> str:
    """Return what is wrong with a condition, and where."""
    return f"line {fault.place.line}, column {fault.place.column}: {fault.message}"


def ask(source: str, alert: AlertFacts) -> Answer:
    """Return whether a condition wants an alert."""
    try:
        return Answer(bool(compiled(source)(alert)))
    except RuleFault as fault:
        return Answer(is_wanted=True, failure=f"it no longer compiles: {told(fault)}")
    except RuleFailed as failed:
        return Answer(is_wanted=True, failure=str(failed))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one condition must hold nothing up
        return Answer(is_wanted=True, failure=f"{type(error).__name__}: {error}")
