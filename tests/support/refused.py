"""Events that the books refuse, after what they refuse them."""

from typing import Any, NamedTuple

from services.licensing.domain.licences import TRANSITIONS
from tests.support.trade import (
    MAGNET,
    batch,
    declared,
    event,
    licence,
    milestone,
    price,
    quota,
    regime,
    rule,
    rulebook,
    tick,
)

DAY = "2025-05-{:02d}T08:00:00Z"
EUR, USD = ({"amount": "900.00", "currency": currency} for currency in ("EUR", "USD"))
COVERS = {"hs": ["850511"]}
MOST = {"value": "1000000000", "unit": "TNE"}


def line(line_no: int = 1, kg: str | None = "1000", **over: Any) -> dict[str, Any]:
    mass = {"mass": {"value": kg, "unit": "KGM"}} if kg else {}
    return {"line_no": line_no, "covers": COVERS, **mass, **over}


def step(kind: str, **data: Any) -> bytes:
    return event(kind, data, time=DAY.format(20))


def amended(**over: Any) -> bytes:
    return licence(kind="trade.licence.amended", time=DAY.format(20), **over)


def corrected(shipment_id: str, **over: Any) -> bytes:
    return declared(shipment_id, time=DAY.format(20), **over).replace(b"shipment.declared", b"shipment.corrected")


def retracted(entity: str, event_id: str, **over: Any) -> bytes:
    data = {"entity": entity, "source": "/test", "id": event_id}
    return event("trade.event.retracted", data, time=DAY.format(20), **over)


def review(step: str, shipment_id: str) -> bytes:
    data = {"shipment_id": shipment_id, "officer": "O", "reason": "seen"}
    return event(f"trade.review.{step}", data, time=DAY.format(20))


def tranche(tranche_id: str, **over: Any) -> dict[str, Any]:
    return {"tranche_id": tranche_id, "opens_at": "2025-09-01T00:00:00Z", "amount": {"value": "1"}, **over}


def allocated(*masses: dict[str, Any]) -> bytes:
    allocations = [{"exporter": "X", "amount": mass} for mass in masses]
    return step("trade.quota.allocated", quota_id="Q-1", allocations=allocations)


class Case(NamedTuple):
    """Books that stand, and an event that they refuse with a pointer and words."""

    name: str
    log: tuple[bytes, ...]
    refused: bytes
    pointer: str | None
    says: str


DY_PRICE = price("100", time=DAY.format(20))
REGIME, LICENCE = regime(id="regime"), licence(lines=[line(value=EUR)], id="licence")
PERMITTED = declared("S1", commodity=MAGNET, id="declared")
SUB = {"sub_limit_id": "HEAVY", "covers": [COVERS]}
STOPPED = (REGIME, LICENCE, declared("S1", licence_id="L-1", kg="10"), milestone("S1", "cancelled"))
FIVE = [tranche(f"T{n}", amount=MOST) for n in range(5)]
WHERE = "/data/shipment_id"

CASES = [
    Case(
        "a rulebook under a version that is there",
        (rulebook("v1"),),
        rulebook("v1", rule("r", "true")),
        "/data/version",
        "rulebook v1 was rolled out before",
    ),
    Case(
        "a rulebook that does not compile",
        (),
        rulebook("v1", rule("r", "true"), rule("bad", "shipment.mass > 1")),
        "/data/rules/1/when",
        "/data/rules/1/when: line 1, column 10: shipment has no fact mass",
    ),
    Case("declared twice", (PERMITTED,), declared("S1", commodity=MAGNET), WHERE, "shipment S1 was declared before"),
    Case(
        "declared otherwise while it waits",
        (REGIME, declared("S1", licence_id="L-9")),
        declared("S1", licence_id="L-9", kg="7"),
        WHERE,
        "shipment S1 was declared before",
    ),
    Case("corrected when it is over", STOPPED, corrected("S1"), WHERE, "was cancelled cannot be corrected"),
    Case(
        "cancelled when it has left",
        (PERMITTED, milestone("S1", "departed")),
        milestone("S1", "cancelled"),
        WHERE,
        "that has departed cannot be cancelled",
    ),
    Case("cleared when it is over", STOPPED, milestone("S1", "cleared"), WHERE, "was cancelled cannot be cleared"),
    Case("released though not held", (PERMITTED,), review("released", "S1"), WHERE, "shipment S1 is permitted"),
    Case("overridden though permitted", (PERMITTED,), review("overridden", "S1"), WHERE, "shipment S1 is permitted"),
    Case("reviewed when it is over", STOPPED, review("rejected", "S1"), WHERE, "shipment S1 is cancelled"),
    Case("a batch twice", (batch("B-1"),), batch("B-1"), "/data/batch_id", "batch B-1 was issued before"),
    Case("a regime twice", (REGIME,), regime(), "/data/regime_id", "regime R-18 was announced before"),
    Case("a quota twice", (quota(),), quota(kg="5"), "/data/quota_id", "quota Q-1 was opened before"),
    Case(
        "a quota of more than there can be, later on",
        (),
        quota(tranches=FIVE),
        "/data/tranches",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a sub-limit of more than there can be",
        (),
        quota(
            sub_limits=[SUB],
            tranches=[
                tranche(f"T{n}", opens_at=DAY.format(1), sub_limits=[{"sub_limit_id": "HEAVY", "amount": MOST}])
                for n in range(5)
            ],
        ),
        "/data/tranches",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a tranche of more than there can be",
        (quota(tranches=FIVE[:3]),),
        step("trade.quota.tranche_released", quota_id="Q-1", tranche_id="T9", amount=MOST),
        "/data/amount",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a tranche that makes a sub-limit more than there can be",
        (
            quota(
                sub_limits=[SUB],
                tranches=[tranche(f"T{n}", sub_limits=[{"sub_limit_id": "HEAVY", "amount": MOST}]) for n in range(4)],
            ),
        ),
        step(
            "trade.quota.tranche_released",
            quota_id="Q-1",
            tranche_id="T9",
            amount={"value": "1"},
            sub_limits=[{"sub_limit_id": "HEAVY", "amount": MOST}],
        ),
        "/data/sub_limits",
        "more than 4,000,000,000 t",
    ),
    Case(
        "a tranche twice",
        (quota(tranches=[tranche("T1")]),),
        step("trade.quota.tranche_released", quota_id="Q-1", tranche_id="T1", amount={"value": "5"}),
        "/data/tranche_id",
        "tranche T1 was released before",
    ),
    Case(
        "a tranche of a sub-limit that is not there",
        (quota(sub_limits=[SUB]),),
        step(
            "trade.quota.tranche_released",
            quota_id="Q-1",
            tranche_id="T1",
            amount={"value": "5"},
            sub_limits=[
                {"sub_limit_id": "HEAVY", "amount": {"value": "1"}},
                {"sub_limit_id": "LIGHT", "amount": {"value": "1"}},
            ],
        ),
        "/data/sub_limits/1/sub_limit_id",
        "no sub-limit LIGHT",
    ),
    Case(
        "allocated more than there can be",
        (quota(is_allocated=True), allocated(MOST, MOST)),
        allocated(MOST, MOST, MOST),
        "/data/allocations",
        "more than 4,000,000,000 t",
    ),
    Case(
        "returned more than allocated",
        (quota(is_allocated=True),),
        step("trade.quota.returned", quota_id="Q-1", exporter="X", amount={"value": "1"}),
        "/data/amount",
        "X",
    ),
    Case(
        "returned what is drawn",
        (quota(is_allocated=True), allocated({"value": "100"}), declared("S1", commodity=MAGNET, kg="60")),
        step("trade.quota.returned", quota_id="Q-1", exporter="X", amount={"value": "41"}),
        "/data/amount",
        "X has not so much left of its allocation",
    ),
    Case(
        "retracted twice",
        (PERMITTED, retracted("shipment:S1", "declared")),
        retracted("shipment:S1", "declared"),
        "/data/id",
        "was retracted before",
    ),
    Case(
        "a retraction retracted",
        (PERMITTED, retracted("shipment:S1", "declared", id="back")),
        retracted("shipment:S1", "back"),
        "/data/id",
        "a retraction cannot be retracted",
    ),
    Case(
        "used before, of no line",
        (LICENCE,),
        step("trade.licence.use_brought_forward", licence_id="L-1", line_no=2, mass={"value": "1"}),
        "/data/mass",
        "line 2 of licence L-1 grants no MGM",
    ),
    Case(
        "used before, in another currency",
        (LICENCE,),
        step("trade.licence.use_brought_forward", licence_id="L-1", line_no=1, mass={"value": "1"}, value=USD),
        "/data/value",
        "grants no USD",
    ),
    Case(
        "used before, more value than granted",
        (LICENCE,),
        step(
            "trade.licence.use_brought_forward",
            licence_id="L-1",
            line_no=1,
            mass={"value": "1"},
            value={"amount": "900.01", "currency": "EUR"},
        ),
        "/data/value",
        "has not so much left",
    ),
    Case(
        "amended to another currency",
        (LICENCE, declared("S1", licence_id="L-1", kg="10")),
        amended(destinations=["DE", "FR"], lines=[line(2, kg="5"), line(1, kg="7", value=USD)]),
        "/data/lines/1/value/currency",
        "line 1 is kept in EUR and cannot change to USD",
    ),
    Case(
        "issued anew in another currency",
        (LICENCE, retracted("licence:L-1", "licence")),
        licence(lines=[line(value=USD)]),
        "/data/lines/0/value/currency",
        "line 1 is kept in EUR and cannot change to USD",
    ),
    Case(
        "a price in another currency than its series",
        (DY_PRICE,),
        price("1", time=DAY.format(21), currency="EUR"),
        "/data/price/currency",
        "series dy-magnets is in USD",
    ),
    Case(
        "a price of other goods than its series",
        (DY_PRICE,),
        price("1", time=DAY.format(21), commodity={"hs": "280530", "elements": ["Nd"], "form": "metal"}),
        "/data/commodity",
        "series dy-magnets is of magnets, magnets-controlled",
    ),
    Case(
        "a price of the year after next",
        (tick(DAY.format(20)),),
        price("1", time="2027-01-01T00:00:00Z"),
        "/time",
        "is more than a day ahead of the clock",
    ),
]


LICENCE_STEPS = ("applied", "issued", "amended", "suspended", "reinstated", "surrendered", "revoked")
LIVES: dict[str, tuple[bytes, ...]] = {
    "applied": (licence(kind="trade.licence.applied"),),
    "issued": (licence(valid_from="2025-06-01T00:00:00Z"),),
    "active": (licence(),),
    "suspended": (licence(), step("trade.licence.suspended", licence_id="L-1")),
    "exhausted": (
        licence(),
        step("trade.licence.use_brought_forward", licence_id="L-1", line_no=1, mass={"value": "1000"}),
    ),
    "expired": (licence(valid_until="2025-05-10T00:00:00Z"), tick(DAY.format(11))),
    "surrendered": (licence(), step("trade.licence.surrendered", licence_id="L-1")),
    "revoked": (licence(), step("trade.licence.revoked", licence_id="L-1")),
}
"""By state of a licence: what brings it there."""
WAITS = {("applied", "amended")}
IMPOSSIBLE = [
    (state, step)
    for state in LIVES
    for step in LICENCE_STEPS
    if (state, step) not in TRANSITIONS and (state, step) not in WAITS
]


PRO_RATA = quota(kg="90", allocation="pro_rata", period_start="2025-05-02T00:00:00Z")
TWICE = declared("S1", commodity=MAGNET, kg="60")
WAITING = declared("S1", licence_id="L-9", kg="60")


class Second(NamedTuple):
    """A log in which one declaration comes twice, under two ids, while it waits."""

    name: str
    before: tuple[bytes, ...]
    first: bytes
    after: tuple[bytes, ...]


def again(body: bytes) -> bytes:
    return body.replace(b'"id": "e', b'"id": "second-e', 1)


SECONDS = [
    Second("on a pro-rata day", (PRO_RATA,), TWICE, (declared("S2", commodity=MAGNET, kg="60"), tick(DAY.format(3)))),
    Second("until it waited too long", (REGIME,), WAITING, (tick("2025-06-20T00:00:00Z"),)),
    Second("until its licence comes", (REGIME,), WAITING, (licence("L-9"),)),
]
