"""Merging partitions by time, and the limit of dead letters."""

import random
from types import SimpleNamespace
from typing import Any

import pytest

from shared.consumption import DeadLetterLimit, Halted
from shared.merging import Merger


def record(partition: int, offset: int, timestamp: int) -> Any:
    return SimpleNamespace(partition=partition, offset=offset, timestamp=timestamp)


def names(records: list[Any]) -> list[tuple[int, int]]:
    return [(r.partition, r.offset) for r in records]


def test_nothing_is_handed_out_while_another_partition_may_hold_older_records() -> None:
    merger = Merger({0: 0, 1: 0})
    merger.add(0, [record(0, 0, 10), record(0, 1, 30)])
    merger.note_end(0, 2)
    assert merger.take(10) == []
    merger.note_end(1, 1)
    assert merger.take(10) == []
    merger.add(1, [record(1, 0, 20)])
    assert names(merger.take(10)) == [(0, 0), (1, 0), (0, 1)]


def test_a_partition_at_its_end_holds_nothing_up() -> None:
    merger = Merger({0: 0, 1: 7})
    merger.note_end(1, 7)
    merger.add(0, [record(0, 0, 10)])
    assert names(merger.take(10)) == [(0, 0)]


def test_a_partition_that_brings_nothing_holds_the_others_up_only_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    merger = Merger({0: 0, 1: 0})
    merger.add(0, [record(0, 0, 10)])
    assert merger.take(10) == []
    monkeypatch.setattr("shared.merging.PATIENCE_S", -1.0)
    assert names(merger.take(10)) == [(0, 0)]


def test_what_was_dealt_with_and_what_is_not_ours_is_left_out() -> None:
    merger = Merger({0: 5})
    merger.note_end(0, 6)
    merger.add(0, [record(0, 4, 1), record(0, 5, 2)])
    merger.add(0, [record(0, 5, 2)])
    merger.add(9, [record(9, 0, 1)])
    assert names(merger.take(10)) == [(0, 5)]


@pytest.mark.parametrize("seed", range(20))
def test_any_fetching_gives_the_order_in_which_records_were_written(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a course of events that can be had again
    log: dict[int, list[Any]] = {p: [] for p in range(3)}
    for now in range(300):
        p = rng.randrange(3)
        log[p].append(record(p, len(log[p]), now))
    merger = Merger(dict.fromkeys(log, 0))
    fetched: dict[int, int] = dict.fromkeys(log, 0)
    taken: list[Any] = []
    while len(taken) < 300:
        p = rng.choice(merger.hungry(20) or [0])
        count = rng.randrange(60)
        merger.add(p, log[p][fetched[p] : fetched[p] + count])
        fetched[p] = min(len(log[p]), fetched[p] + count)
        merger.note_end(p, len(log[p]))
        taken += merger.take(rng.randrange(1, 50))
    assert [r.timestamp for r in taken] == list(range(300))


@pytest.mark.parametrize(
    "batches,is_halted",
    [
        ([(500, 300)], True),
        ([(500, 240)], False),
        ([(100, 100)], False),
        ([(100, 100), (100, 20)], True),
        ([(500, 0), (1, 1), (1, 1)], False),
        ([(1, 1)] * 200, True),
        ([(1, 0)] * 110 + [(1, 1)] * 100, False),
        ([(1, 0)] * 110 + [(1, 1)] * 102, True),
        ([(500, 0)] + [(1, 1)] * 200, True),
    ],
)
def test_the_limit_of_dead_letters(batches: list[tuple[int, int]], is_halted: bool) -> None:
    limit = DeadLetterLimit(share=0.5, window=200)
    found = False
    for records, dead in batches:
        try:
            limit.count(records, dead)
        except Halted:
            found = True
    assert found is is_halted
