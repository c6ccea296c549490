"""The facts of the licence of a line."""

from datetime import datetime
from typing import TYPE_CHECKING

from services.licensing.domain.licences import Licence
from services.licensing.domain.monitoring.facts.spans import A_DAY, MANY, elapsed, used
from shared.cel.kinds import fact
from shared.events import LicenceTerms

if TYPE_CHECKING:  # What is judged knows the rules that judge it.
    from services.licensing.domain.rules.verdict import Case


class LicenceFacts:
    """The first licence that the line names, once an authority has issued it."""

    NAME = "licence"

    def __init__(self, licence: Licence, terms: LicenceTerms, case: "Case") -> None:
        self._licence, self._terms, self._case = licence, terms, case
        self._mass_accounts = tuple(case.book.account(name) for name in licence.mass_accounts())

    @fact()
    def id(self) -> str:
        """Its number."""
        return self._licence.licence_id

    @fact()
    def kind(self) -> str:
        """`individual`, `general`, `single_use` or `certificate`."""
        return self._terms.kind

    @fact()
    def authority(self) -> str:
        """Who issued it."""
        return self._terms.authority

    @fact()
    def state(self) -> str:
        """`issued`, `active`, `suspended`, `exhausted`, `expired`, `surrendered` or `revoked`."""
        return self._licence.state

    @fact(most=250)
    def destinations(self) -> tuple[str, ...]:
        """The countries that it permits."""
        return self._terms.destinations

    @fact(most=MANY)
    def consignees(self) -> tuple[str, ...]:
        """The consignees that it permits; none: any."""
        return self._terms.consignees

    @fact(most=MANY)
    def end_users(self) -> tuple[str, ...]:
        """The end users that it permits; none: any."""
        return self._terms.end_users

    @fact(most=MANY)
    def end_uses(self) -> tuple[str, ...]:
        """The end uses that it permits; none: any."""
        return self._terms.end_uses

    @fact()
    def bars_re_export(self) -> bool:
        """Whether goods under it may not go on to a third country."""
        return self._terms.bars_re_export

    @fact()
    def valid_from(self) -> datetime:
        """From when it is valid."""
        return self._terms.valid_from

    @fact()
    def valid_until(self) -> datetime:
        """Until when it is valid, exclusive."""
        return self._terms.valid_until

    @fact()
    def days_left(self) -> int:
        """Days from the declaration until it ends; below zero once it has."""
        return (self._terms.valid_until - self._case.at) // A_DAY

    @fact()
    def elapsed_percent(self) -> int:
        """How much of its validity has gone by at the declaration, 0 to 100."""
        return elapsed(self._terms.valid_from, self._terms.valid_until, self._case.at)

    @fact(unit="mass")
    def granted_mg(self) -> int | None:
        """The mass of all its lines together; absent where it limits no mass."""
        return sum(account.granted for account in self._mass_accounts) if self._mass_accounts else None

    @fact(unit="mass")
    def used_mg(self) -> int | None:
        """What is reserved or written off of that, without this shipment; absent where it limits no mass."""
        return used(self._mass_accounts, self._case) if self._mass_accounts else None

    @fact()
    def used_percent(self) -> int | None:
        """The same in percent of what is granted; absent where nothing is."""
        return self.used_mg * 100 // self.granted_mg if self.granted_mg and self.used_mg is not None else None
