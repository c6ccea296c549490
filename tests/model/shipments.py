"""One shipment of the reference: its live history, what was decided of it and what it holds of each account."""

from collections import Counter
from datetime import datetime
from typing import Any

from shared import events as on
from shared.cloudevents import Event
from tests.model.judging import Books, Verdict, has_evidence, judge

GONE = (on.ShipmentDeparted, on.ShipmentArrived, on.ShipmentDelivered)
LEFT = (on.ShipmentCleared, *GONE)
OVER = (on.ShipmentRejected, on.ShipmentCancelled)
REVIEWS = (on.ReviewReleased, on.ReviewRejected, on.ReviewOverridden)


class Unfit(Exception):
    """An event contradicts what is known: it is dead."""


class Shipment:
    """A declared shipment; it holds its draws as reserved, or as written off."""

    def __init__(self, books: Books, declared: Event[Any], former: "Shipment | None" = None) -> None:
        self.books, self.declared = books, declared
        self.history: list[Event[Any]] = []
        self.bygone: list[Event[Any]] = []
        """What was decided under a declaration that was withdrawn; its milestones still count."""
        self.outcome = "parked"
        self.draws: Counter[str] = Counter()
        self.is_written = False
        self.is_stale = False
        """Held because its evidence had expired when it left."""
        self.is_excused = False
        """An officer decided of it after it had left."""
        if former:
            decisions = (on.ShipmentCorrected, *REVIEWS)
            self.history = [event for event in former.history if not isinstance(event.data, decisions)]
            self.bygone = [event for event in former.history if isinstance(event.data, decisions)] + former.bygone

    @property
    def judged_by(self) -> Event[Any]:
        """The last correction, or the declaration."""
        corrections = [event for event in self.history if isinstance(event.data, on.ShipmentCorrected)]
        return corrections[-1] if corrections else self.declared

    @property
    def is_over(self) -> bool:
        return self.outcome == "withdrawn" or self.has(*OVER)

    @property
    def is_awaited(self) -> bool:
        """Whether it waits for its decision, or to be declared anew."""
        return self.outcome == "withdrawn" or (self.outcome == "parked" and not self.is_over)

    @property
    def left_at(self) -> datetime | None:
        return min((event.time for event in self.history if isinstance(event.data, LEFT)), default=None)

    def has(self, *kinds: type) -> bool:
        return any(isinstance(event.data, kinds) for event in self.history)

    # Decisions

    def decide(self) -> str | None:
        """Judge as of the declaration, on books without its own draws; return what it has to wait for.

        What was decided once does not wait again: it is held.
        """
        verdict, own = self._judged()
        self.is_excused = False
        if verdict.outcome != "parked":
            self.conclude(verdict.outcome, verdict, own)
        elif self.outcome == "parked":
            return verdict.awaits[0]
        else:
            self.conclude("held", verdict, own)
        return None

    def _judged(self, *, is_waived: bool = False) -> tuple[Verdict, Counter[str]]:
        own, self.draws = self.draws, Counter()
        verdict = judge(self.books, self.judged_by.data, self.declared.time, is_waived=is_waived)
        self.books.months.update(verdict.caps)
        return verdict, own

    def conclude(self, outcome: str, verdict: Verdict, own: Counter[str]) -> None:
        """Put down an outcome and what it draws; what was written off stays when it is not permitted."""
        self.outcome, self.is_stale = outcome, False
        if outcome == "permitted":
            self.draws = verdict.draws
        else:
            self.draws = own if self.is_written else Counter()
        self._settle()
        self._hold_if_stale()

    def hold(self) -> None:
        """Hold what waited too long."""
        self.outcome = "held"

    def _settle(self) -> None:
        """Let what it holds follow from its decision and its milestones."""
        has_left = self.has(*LEFT)
        if self.is_over or (self.outcome == "denied" and not has_left):
            self.draws = Counter()
        self.is_written = has_left and bool(self.draws)

    def _hold_if_stale(self) -> None:
        """Hold it if evidence that was shown had expired when it left, unless an officer decided of it since."""
        if self.outcome == "permitted" and not self.is_over and not self.is_excused and self._has_lapsed():
            self.outcome = "held"

    def _has_lapsed(self) -> bool:
        return self.left_at is not None and self._has_lapsed_by(self.left_at)

    def _has_lapsed_by(self, then: datetime) -> bool:
        """Say whether evidence that was shown at the declaration was no longer valid at a later time."""
        data, at = self.judged_by.data, self.declared.time
        shown = [kind for kind, was_shown in judge(self.books, data, at).evidence.items() if was_shown]
        return any(not has_evidence(data, kind, then) for kind in shown)

    # Steps

    def correct(self, event: Event[Any]) -> None:
        if self.is_over:
            raise Unfit
        self.history.append(event)
        self.decide()

    def move(self, event: Event[Any]) -> None:
        """Pass a milestone."""
        if isinstance(event.data, OVER):
            if self.has(*GONE) and not self.is_over:
                raise Unfit
        elif isinstance(event.data, LEFT) and self.is_over:
            raise Unfit
        left_at = self.left_at
        self.history.append(event)
        self._settle()
        if left_at is None:
            self._hold_if_stale()
        elif self.outcome == "held" and not self.is_over and self._has_lapsed_by(left_at) and not self._has_lapsed():
            # It left earlier than was known, when its evidence was still valid.
            self.decide()

    def review(self, event: Event[Any]) -> None:
        if self.is_over or not self._can_be_reviewed(event):
            raise Unfit
        self.history.append(event)
        self._follow_review(event)

    def _can_be_reviewed(self, event: Event[Any]) -> bool:
        return self.outcome == "held" or (self.outcome == "denied" and isinstance(event.data, on.ReviewOverridden))

    def _follow_review(self, event: Event[Any]) -> None:
        if isinstance(event.data, on.ReviewRejected):
            self.outcome, self.is_stale = "denied", False
            self._settle()
            return
        verdict, own = self._judged(is_waived=True)
        self.is_excused = self.is_excused or self.has(*LEFT)
        self.conclude("denied" if verdict.short else "held" if verdict.unwaivable else "permitted", verdict, own)

    # Retractions

    def withdraw(self) -> None:
        self.outcome, self.draws, self.is_written = "withdrawn", Counter(), False

    def take_out(self, target: Event[Any]) -> None:
        """Follow from the rest of the history: judge anew where a decision may rest on what is taken out."""
        had_lapsed, was_over = self._has_lapsed(), self.is_over
        is_decision = target in self.bygone or isinstance(target.data, (on.ShipmentCorrected, *REVIEWS))
        self.history = [event for event in self.history if event is not target]
        self.is_excused = self.is_excused and self.left_at is not None
        if self.outcome in {"withdrawn", "parked"}:
            return
        if not self.is_over and (is_decision or was_over or had_lapsed != self._has_lapsed()):
            self._replay()
        else:
            self._settle()

    def _replay(self) -> None:
        """Judge the last correction or the declaration anew, and take up the reviews that followed it."""
        self.decide()
        since = self.history.index(self.judged_by) + 1 if self.judged_by in self.history else 0
        for event in self.history[since:]:
            is_rejection = isinstance(event.data, on.ReviewRejected) and self.outcome == "permitted"
            if isinstance(event.data, REVIEWS) and (is_rejection or self._can_be_reviewed(event)):
                self._follow_review(event)
