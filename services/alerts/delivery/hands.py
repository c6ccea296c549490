"""All endpoints that this process has in hand: how many more it can take, and which have nothing left."""

import math
import time
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from services.alerts.delivery.hand import Hand, Policies
from services.alerts.domain.doubts import IN_DOUBT_S
from services.alerts.domain.share import Share
from services.alerts.store.claims import Claim, Due, Room
from services.alerts.store.handover import Handed, Offer
from services.alerts.store.outcomes import Outcome

LINGERING = 100
"""So many endpoints, or a quarter of what a process takes in hand, are kept for a while with nothing to send."""


FULL_WINDOWS = 100
"""So many endpoints with the least window each are as many deliveries as fewer with larger ones have together."""
REMEMBERED = 10_000
"""Changes; older ones than a transaction lasts are forgotten when there are more."""


class Hands(dict[UUID, Hand]):
    """The hands by their subscription; recovered deliveries have a share of the process together."""

    def __init__(self, share: Share, linger_s: float = 0.0) -> None:
        super().__init__()
        self.share = share
        self.linger_s = linger_s
        self._changed: dict[UUID, float] = {}
        self._all_changed = -math.inf
        """When it was last heard that subscriptions had changed, by the monotonic clock."""

    def room(self, endpoints: int, window: int) -> Room:
        """Return how much more can be taken: half of the places are for endpoints that failed last."""
        failing = sum(hand.is_failing for hand in self.values())
        half = endpoints // 2
        return Room(
            healthy=max(0, endpoints - half - (len(self) - failing)),
            failing=max(0, half - failing),
            window=window,
        )

    def window(self, least: int) -> int:
        """Return how many deliveries of one endpoint to take in hand: up to four times the least, where few are."""
        return min(4 * least, max(least, FULL_WINDOWS * least // max(1, len(self))))

    def thirsty(self, level: int) -> dict[UUID, Hand]:
        """Return those that have at most `level` in hand and can take more."""
        return {subscription_id: hand for subscription_id, hand in self.items() if hand.is_thirsty(level)}

    def outdate(self, subscription_id: UUID | None, now: float) -> set[UUID]:
        """Note that a subscription has changed, or that any may have; return those to be claimed anew."""
        if subscription_id is None:
            self._all_changed = now
        else:
            if len(self._changed) >= REMEMBERED:
                self._changed = {i: at for i, at in self._changed.items() if at > now - IN_DOUBT_S}
            self._changed[subscription_id] = now
        found = set(self) if subscription_id is None else {subscription_id} & self.keys()
        for each in found:
            self[each].outdate()
        return found

    def _has_changed(self, subscription_id: UUID, since: float) -> bool:
        return max(self._all_changed, self._changed.get(subscription_id, -math.inf)) >= since

    def offer(self, worker: UUID, endpoints: int, window: int) -> Offer:
        """Return what can be taken over from whoever records deliveries."""
        own = (i for i, hand in self.items() if not hand.is_closing and len(hand.window) <= window // 2)
        return Offer(worker, self.room(endpoints, window).healthy, window // 2, tuple(own), time.monotonic())

    def take_over(self, handed: Sequence[Handed], offer: Offer, policies: Policies) -> tuple[list[Hand], set[UUID]]:
        """Take what was handed over; return the hands that have it, and endpoints that must be looked at again."""
        hands: list[Hand] = []
        doubtful: set[UUID] = set()
        for each in handed:
            subscription_id = each.endpoint.subscription_id
            hand = self.get(subscription_id)
            if hand is None or hand.is_closing:
                # One that was its own is given back meanwhile, or is on its way here with a claim.
                if not each.was_free:
                    doubtful.add(subscription_id)
                    continue
                hand = self[subscription_id] = Hand(each.endpoint, offer.worker, policies, self.share)
            elif hand.last_known >= each.endpoint.last_known:
                continue  # a claim that came after has brought it
            if hand.is_outdated or self._has_changed(subscription_id, offer.as_of):
                hand.outdate()
                doubtful.add(subscription_id)
                continue
            hand.heed(each.endpoint)
            hand.add(each.deliveries)
            hands.append(hand)
        return hands, doubtful

    def deliveries(self, subscription_ids: Iterable[UUID]) -> list[UUID]:
        """Return which deliveries of some endpoints are in hand."""
        hands = (self[i] for i in subscription_ids if i in self)
        return [due.delivery_id for hand in hands if not hand.is_closing for due in hand.window]

    def take_in(self, claim: Claim, worker: UUID, policies: Policies, as_of: float) -> tuple[list[Hand], set[UUID]]:
        """Take what was claimed; return the hands that have it, and endpoints that changed after the claim began."""
        for endpoint in claim.endpoints:
            known = self.get(endpoint.subscription_id)
            # One that closes was given back, and claimed again before its record came home.
            if known is None or known.is_closing:
                self[endpoint.subscription_id] = Hand(endpoint, worker, policies, self.share)
            else:
                known.heed(endpoint)
        for due in claim.deliveries:
            self[due.subscription_id].add([due])
        ids = [endpoint.subscription_id for endpoint in claim.endpoints]
        changed = {i for i in ids if self._has_changed(i, as_of)}
        for each in changed:
            self[each].outdate()
        return [self[i] for i in ids], changed

    def lingers(self, hand: Hand) -> bool:
        """Return whether an endpoint is kept though nothing is left for it: what comes next goes out at once."""
        is_recent = time.monotonic() < hand.used_at + self.linger_s
        return is_recent and not hand.is_closing and hand.is_plain and len(self) <= LINGERING

    @property
    def has_idle(self) -> bool:
        """Whether there is one to give back."""
        return any(hand.is_empty and not self.lingers(hand) for hand in self.values())

    def idle(self, batch: Collection[tuple[Hand, Due, Outcome]]) -> list[Hand]:
        """Return those that have nothing left once the batch is recorded, and close them."""
        left = {id(hand): len(hand.window) for hand in self.values()}
        for hand, _, _ in batch:
            if id(hand) in left:
                left[id(hand)] -= 1
        idle = [hand for hand in self.values() if left[id(hand)] == 0 and not self.lingers(hand)]
        for hand in idle:
            hand.is_closing = True
        return idle

    def let_go(self, hands: Sequence[Hand]) -> None:
        """Forget hands that were given back, unless they were claimed again meanwhile."""
        for hand in hands:
            if self.get(hand.endpoint.subscription_id) is hand:
                del self[hand.endpoint.subscription_id]

    def forget(self) -> None:
        """Drop all; requests under way end, and of them only facts are stored."""
        for hand in self.values():
            hand.close()
        self.clear()
