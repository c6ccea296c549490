"""What lists answer: pages of things, for the OpenAPI document."""

from datetime import datetime
from typing import Literal

from services.licensing.api.answers import Answer, Batch, Lane, Licence, Quota, Regime


class LanePage(Answer):
    """Lanes; `next` is the cursor of the next page."""

    items: list[Lane]
    next: str | None


class LicencePage(Answer):
    """Licences; `next` is the cursor of the next page."""

    items: list[Licence]
    next: str | None


class BatchPage(Answer):
    """Batches; `next` is the cursor of the next page."""

    items: list[Batch]
    next: str | None


class QuotaPage(Answer):
    """Quotas; `next` is the cursor of the next page."""

    items: list[Quota]
    next: str | None


class RegimePage(Answer):
    """All regimes."""

    items: list[Regime]
    next: None


class SourceAnswer(Answer):
    """Where events come from; `feeds` are commodity group and origin of the lanes that it tells of."""

    source: str
    is_silent: bool
    last_event_at: datetime
    longest_gap_hours: float
    known_since: datetime
    feeds: list[str]


class SourcePage(Answer):
    """All sources that are watched."""

    items: list[SourceAnswer]
    next: None


class PriceAnswer(Answer):
    """A price series; volatilities are percent a year, null before there are two prices."""

    price_id: str
    commodity_groups: list[str]
    origin: str | None
    price: str
    currency: str
    per: Literal["KGM", "TNE"]
    at: datetime
    mood: Literal["calm", "stressed"]
    since: datetime
    volatility_percent: str | None
    usual_percent: str | None
    returns: int
    """How many changes from day to day that rests on."""


class PricePage(Answer):
    """Price series; `next` is the cursor of the next page."""

    items: list[PriceAnswer]
    next: str | None


class DeadLetter(Answer):
    """An event that could not be used; `place` is its partition and offset."""

    place: str
    source: str | None
    id: str | None
    reason: str
    pointer: str | None
    recorded_at: datetime
    body: str


class DeadLetterPage(Answer):
    """Dead letters; `next` is the cursor of the next page."""

    items: list[DeadLetter]
    next: str | None
