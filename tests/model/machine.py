"""A state machine that delivers events of the small world in any order, late, twice and taken back."""

from collections.abc import Callable, Container
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from shared.cloudevents import Event, entity_key, read_trade_event
from tests.model import world
from tests.model.checks import check_agreement, check_ledger
from tests.model.engine import Engine
from tests.model.reference import Reference
from tests.model.world import LATENESS, What

ANYTHING: st.SearchStrategy[What] = st.one_of(
    world.declarations("declared"),
    world.declarations("declared"),
    world.declarations("corrected"),
    world.milestones(),
    world.milestones(),
    world.reviews(),
    world.licences("issued"),
    world.licence_steps(),
    world.quota_steps(),
)
OUTCOMES = ("permitted", "held", "denied", "parked", "withdrawn")
PICKS = st.integers(0, 1000)
RETRACTABLE = ("shipment", "shipment", "shipment", "licence", "quota", "regime")


class Interleaving(RuleBasedStateMachine):
    """Every rule is one step; after every event that it delivers everything is checked."""

    make_engine: ClassVar[Callable[[], Engine]]
    parking_days: ClassVar[int]
    steps: ClassVar[int] = 0
    applied: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.engine = type(self).make_engine()
        self.reference = Reference(self.parking_days)
        self.present = 0
        self.made: list[Event[Any]] = []
        self.delivered: list[Event[Any]] = []
        self.kept_back: list[int] = []

    # How events are made and delivered

    def make(self, what: What, late: int) -> int:
        """Make the next event; return its place among all that were made."""
        self.made.append(read_trade_event(world.event_body(f"e{len(self.made)}", what, self.present + late)))
        return len(self.made) - 1

    def deliver(self, place: int) -> None:
        self.give(self.made[place])

    def give(self, event: Event[Any]) -> None:
        note(f"    {event.name}, {event.time:%d %b}, of {entity_key(event)}")
        type(self).applied += 1
        self.delivered.append(event)
        self.engine.apply(event)
        self.reference.apply(event)
        check_ledger(self.engine)
        check_agreement(self.engine, self.reference)

    def happen(self, what: What, late: int) -> None:
        type(self).steps += 1
        self.deliver(self.make(what, late))

    def of_known_shipment(self, what: What, pick: int, outcomes: Container[str] = OUTCOMES) -> What:
        """Mean one of the shipments declared so far that has such an outcome."""
        known = [name for name, one in self.reference.shipments.items() if one.outcome in outcomes]
        known = known or list(self.reference.shipments)
        return self.of_shipment(what, known[-1 - pick % len(known)]) if known else what

    def of_shipment(self, what: What, shipment_id: str) -> What:
        return What(what.kind, {**what.data, "shipment_id": shipment_id})

    def of_new_shipment(self, what: What) -> What:
        """Mean a shipment that is not declared, as long as there is one."""
        new = [one for one in world.SHIPMENTS if self.reference.outcome(one) in {None, "withdrawn"}]
        return self.of_shipment(what, new[0]) if new else what

    # The beginning

    @initialize(first=world.regimes("announced"), second=world.regimes("announced"))
    def announce_regimes(self, first: What, second: What) -> None:
        self.happen(first, 0)
        if first.data["regime_id"] != second.data["regime_id"]:
            self.happen(second, 0)

    @initialize(what=world.licences("issued", "L1"))
    def issue_first_licence(self, what: What) -> None:
        self.happen(what, 0)

    @initialize(what=st.none() | world.licences("issued", "L2"))
    def issue_second_licence(self, what: What | None) -> None:
        if what:
            self.happen(what, 0)

    @initialize(what=st.none() | world.licences("issued", "L3"))
    def issue_third_licence(self, what: What | None) -> None:
        if what:
            self.happen(what, 0)

    @initialize(what=st.none() | world.quotas("Q1"))
    def open_first_quota(self, what: What | None) -> None:
        if what:
            self.happen(what, 0)

    @initialize(what=st.none() | world.quotas("Q2"))
    def open_second_quota(self, what: What | None) -> None:
        if what:
            self.happen(what, 0)

    @initialize(some=st.lists(world.declarations("declared"), min_size=2, max_size=5))
    def declare_some(self, some: list[What]) -> None:
        for what in some:
            self.happen(self.of_new_shipment(what), 0)

    # What may happen

    @rule(what=world.regimes("announced"), late=LATENESS)
    def announce_regime(self, what: What, late: int) -> None:
        if not self.reference.histories[f"regime:{what.data['regime_id']}"]:
            self.happen(what, late)

    @rule(what=world.regimes("amended"), late=LATENESS)
    def amend_regime(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.regime_steps(), late=LATENESS)
    def step_of_regime(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.licences("applied"), late=LATENESS)
    def apply_for_licence(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.licences("issued"), late=LATENESS)
    def issue_licence(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.licences("amended"), late=LATENESS)
    def amend_licence(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.licence_steps(), late=LATENESS)
    def step_of_licence(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.batches(), late=LATENESS)
    def issue_batch(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.uses_brought_forward(), late=LATENESS)
    def bring_forward(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.quotas(), late=LATENESS)
    def open_quota(self, what: What, late: int) -> None:
        if not self.reference.histories[f"quota:{what.data['quota_id']}"]:
            self.happen(what, late)

    @rule(what=st.one_of(world.tranches(), world.allocations()), late=LATENESS)
    def grow_quota(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.quota_steps(), late=LATENESS)
    def step_of_quota(self, what: What, late: int) -> None:
        self.happen(what, late)

    @rule(what=world.declarations("declared"), late=LATENESS)
    def declare(self, what: What, late: int) -> None:
        self.happen(self.of_new_shipment(what), late)

    @rule(what=world.declarations("declared"), late=LATENESS)
    def declare_another(self, what: What, late: int) -> None:
        self.happen(self.of_new_shipment(what), late)

    @rule(what=world.declarations("corrected"), pick=PICKS, late=LATENESS)
    def correct(self, what: What, pick: int, late: int) -> None:
        self.happen(self.of_known_shipment(what, pick), late)

    @rule(what=world.milestones(), pick=PICKS, late=LATENESS)
    def pass_milestone(self, what: What, pick: int, late: int) -> None:
        self.happen(self.of_known_shipment(what, pick), late)

    @rule(what=world.milestones(), pick=PICKS, days=st.integers(0, 8))
    def pass_milestone_later(self, what: What, pick: int, days: int) -> None:
        self.present += days
        self.happen(self.of_known_shipment(what, pick, {"permitted", "held"}), 0)

    @rule(what=world.reviews(), pick=PICKS, late=LATENESS)
    def review(self, what: What, pick: int, late: int) -> None:
        self.happen(self.of_known_shipment(what, pick, {"held", "denied"}), late)

    # Time, repetition, order

    @rule(days=st.integers(0, 6), late=LATENESS)
    def tick(self, days: int, late: int) -> None:
        self.present += days
        self.happen(What("lanewatch.clock.ticked", {"now": world.day(self.present + late)}), 0)

    @rule(pick=PICKS)
    def deliver_again(self, pick: int) -> None:
        seen = [place for place in range(len(self.made)) if place not in self.kept_back]
        type(self).steps += 1
        self.deliver(seen[pick % len(seen)])

    @rule(pick=PICKS)
    def deliver_another_body_under_the_same_id(self, pick: int) -> None:
        event = self.made[pick % len(self.made)]
        type(self).steps += 1
        self.give(replace(event, time=event.time + timedelta(seconds=1)))

    @rule(kind=st.sampled_from(RETRACTABLE), pick=PICKS)
    def retract(self, kind: str, pick: int) -> None:
        named = [event for event in self.made if entity_key(event).split(":")[0] == kind]
        if not named:
            return
        self.take_back(named[-1 - pick % len(named)])

    @rule(pick=PICKS)
    def retract_what_counts(self, pick: int) -> None:
        lived = [event for one in self.reference.shipments.values() for event in one.history]
        if lived:
            self.take_back(lived[pick % len(lived)])

    def take_back(self, event: Event[Any]) -> None:
        data = {"entity": entity_key(event), "source": event.source, "id": event.id}
        self.happen(What("event.retracted", data), 0)

    @rule(what=ANYTHING, late=LATENESS)
    def keep_back(self, what: What, late: int) -> None:
        self.kept_back.append(self.make(what, late))

    @rule(pick=PICKS)
    def deliver_what_was_kept_back(self, pick: int) -> None:
        if self.kept_back:
            type(self).steps += 1
            self.deliver(self.kept_back.pop(pick % len(self.kept_back)))

    @rule(bundle=st.lists(st.tuples(ANYTHING, LATENESS), min_size=2, max_size=5), shuffle=st.randoms())
    def deliver_shuffled_and_twice(self, bundle: list[tuple[What, int]], shuffle: Any) -> None:
        places = [self.make(what, late) for what, late in bundle]
        twice = places + [place for place in places if shuffle.random() < 1 / 2]
        shuffle.shuffle(twice)
        type(self).steps += 1
        for place in twice:
            self.deliver(place)
