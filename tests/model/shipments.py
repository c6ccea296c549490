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

    def __init__(self, books: Books, declared: Event[Any]) -> None:
        self.books, self.declared = books, declared
        self.history: list[Event[Any]] = []
        self.outcome = "parked"
        self.draws: Counter[str] = Counter()
        self.is_written = False
        self.is_stale = False
        """Held because its evidence had expired when it left."""
        self.is_excused = False
        """An officer let it go although its evidence had expired."""
        self.evidence: set[str] = set()
        self.months: dict[str, int] = {}
        """Caps of the months on which it draws or drew."""

    @property
    def judged_by(self) -> Event[Any]:
        """The last correction, or the declaration."""
        corrections = [event for event in self.history if isinstance(event.data, on.ShipmentCorrected)]
        return corrections[-1] if corrections else self.declared

    @property
    def is_over(self) -> bool:
        return self.outcome == "withdrawn" or self.has(*OVER)

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

    def _judged(self) -> tuple[Verdict, Counter[str]]:
        own, self.draws = self.draws, Counter()
        verdict = judge(self.books, self.judged_by.data, self.declared.time)
        self.evidence = verdict.evidence
        return verdict, own

    def conclude(self, outcome: str, verdict: Verdict, own: Counter[str]) -> None:
        """Put down an outcome and what it draws; what was written off stays when it is not permitted."""
        self.outcome, self.is_stale = outcome, False
        if outcome == "permitted":
            self.draws = verdict.draws
            if not self.is_over:
                self.months |= {name: cap for name, cap in verdict.caps.items() if verdict.draws[name]}
        else:
            self.draws = own if self.is_written else Counter()
        self._settle()

    def hold(self) -> None:
        """Hold what waited too long."""
        self.outcome = "held"

    def _settle(self) -> None:
        """Let what it holds follow from its decision and its milestones."""
        left = next((event.time for event in self.history if isinstance(event.data, LEFT)), None)
        if self.is_over:
            self.draws, self.is_written = Counter(), False
        elif self.outcome == "permitted":
            if left is not None and self._has_expired_by(left):
                self.outcome, self.is_stale = "held", True
            else:
                self.is_written = left is not None
        elif not self.is_stale and not (self.is_written and left is not None):
            self.draws, self.is_written = Counter(), False

    def _has_expired_by(self, at: datetime) -> bool:
        data = self.judged_by.data
        shown = [kind for kind in self.evidence if has_evidence(data, kind, self.declared.time)]
        return not self.is_excused and any(not has_evidence(data, kind, at) for kind in shown)

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
        self.history.append(event)
        self._settle()

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
        verdict, own = self._judged()
        self.is_excused = True
        self.conclude("denied" if verdict.short else "permitted", verdict, own)

    # Retractions

    def withdraw(self) -> None:
        self.outcome, self.draws, self.is_written = "withdrawn", Counter(), False

    def take_out(self, target: Event[Any]) -> None:
        """Follow from the rest of the history; judge anew only where the decision rests on what is taken out."""
        if self.outcome == "withdrawn":
            return
        place, judged_by, was_over = self.history.index(target), self.judged_by, self.is_over
        after_judged = judged_by is self.declared or place >= self.history.index(judged_by)
        self.history.remove(target)
        if isinstance(target.data, (on.ShipmentCorrected, *REVIEWS)):
            if after_judged:
                self._replay()
        elif was_over and not self.is_over:
            self._replay()
        else:
            if self.is_stale:
                self.outcome, self.is_stale = "permitted", False
            self._settle()

    def _replay(self) -> None:
        """Judge the last correction or the declaration anew, and take up the reviews that followed it."""
        self.decide()
        if self.is_stale:
            self.is_written = False
        since = self.history.index(self.judged_by) + 1 if self.judged_by in self.history else 0
        for event in self.history[since:]:
            if isinstance(event.data, REVIEWS) and self._can_be_reviewed(event):
                self._follow_review(event)
