"""The facts of the quotas that a line draws on."""

from typing import TYPE_CHECKING

from services.licensing.domain.monitoring.facts.spans import A_DAY, elapsed, used
from services.licensing.domain.quotas import Quota
from shared.cel.kinds import fact

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.rules.verdict import Case


class QuotaFacts:
    """A quota that the line draws on."""

    NAME = "quota"

    def __init__(self, quota: Quota, case: "Case") -> None:
        self._quota, self._case = quota, case
        self._account = case.book.account(quota.account_id)

    @fact()
    def id(self) -> str:
        """Its number."""
        return self._quota.terms.quota_id

    @fact()
    def days_left(self) -> int:
        """Days from the declaration until its period ends."""
        return (self._quota.terms.period_end - self._case.at) // A_DAY

    @fact()
    def elapsed_percent(self) -> int:
        """How much of its period has gone by at the declaration, 0 to 100."""
        return elapsed(self._quota.terms.period_start, self._quota.terms.period_end, self._case.at)

    @fact(unit="mass")
    def granted_mg(self) -> int:
        """What has been released of it."""
        return self._account.granted

    @fact(unit="mass")
    def used_mg(self) -> int:
        """What is reserved or written off of that, without this shipment."""
        return used((self._account,), self._case)

    @fact()
    def used_percent(self) -> int | None:
        """The same in percent of what is released; absent where nothing is."""
        return self.used_mg * 100 // self.granted_mg if self.granted_mg else None
