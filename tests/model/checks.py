"""What must hold of an engine after every event, by its own books and by the reference."""

from collections import defaultdict

from tests.model.engine import Books, Entry, Sums
from tests.model.reference import Reference
from tests.model.world import LICENCES, SHIPMENTS

WIDEST_TOLERANCE = 20
"""Percent of the grant by which the world's regimes let a licence be overdrawn at the most."""
ASKS = ("reserve", "brought_forward")
ENDINGS = ("decided", "parked", "dead")


def check_ledger(engine: Books) -> None:
    """The entries are numbered without a gap, sum to the balances, and none drew what was not there."""
    by_account: dict[str, list[Entry]] = defaultdict(list)
    for entry in engine.entries():
        by_account[entry.account].append(entry)
    summed = {}
    for account, entries in by_account.items():
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1)), f"gap in {account}"
        sums = (0, 0, 0)
        for entry in entries:
            sums = (sums[0] + entry.moved[0], sums[1] + entry.moved[1], sums[2] + entry.moved[2])
            _check_entry(entry, sums)
        summed[account] = sums
    assert without_empty(summed) == without_empty(engine.accounts()), "the entries do not sum to the balances"


def _check_entry(entry: Entry, after: Sums) -> None:
    granted, reserved, written_off = after
    assert min(after) >= 0, f"{entry} leaves {after}"
    if entry.kind in ASKS:
        percent = WIDEST_TOLERANCE if entry.account.startswith("licence:") else 0
        assert (reserved + written_off) * 100 <= granted * (100 + percent), f"{entry} overdraws: {after}"


def without_empty(accounts: dict[str, Sums]) -> dict[str, Sums]:
    return {name: sums for name, sums in accounts.items() if any(sums)}


def check_agreement(engine: Books, reference: Reference) -> None:
    """The engine and the reference know the same."""
    assert engine.endings() == reference.endings()
    assert engine.conflicts == reference.conflicts
    assert set(reference.endings().values()) <= set(ENDINGS)
    outcomes = {name: engine.outcome(name) for name in SHIPMENTS}
    assert outcomes == {name: reference.outcome(name) for name in SHIPMENTS}
    assert without_empty(engine.accounts()) == reference.accounts()
    states = {name: engine.licence_state(name) for name in LICENCES}
    assert states == {name: reference.licence_state(name) for name in LICENCES}
