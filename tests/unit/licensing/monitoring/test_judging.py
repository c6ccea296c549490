"""What monitoring rules do to decisions, on books in memory."""

from services.licensing.domain.book import Asked, Decision
from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import read_trade_event
from shared.events import FindingRaised
from tests.support.refused import retracted, review
from tests.support.trade import MAGNET, declared, licence, regime, rule, rulebook

HEAVY = "shipment.net_mass_mg > mass('50 kg')"
BY_ZERO = "shipment.net_mass_mg / (shipment.times_decided - shipment.times_decided) > 1"


def made(policy: Policy, *log: bytes) -> WholeBook:
    book = WholeBook(policy)
    for body in log:
        ending = book.apply(read_trade_event(body))
        assert ending.status in ("decided", "parked"), ending
    return book


def decided(policy: Policy, *log: bytes) -> Decision:
    return made(policy, *log).decisions[-1]


def plain(shipment_id: str = "S1", **over: object) -> bytes:
    return declared(shipment_id, commodity=MAGNET, **over)  # type: ignore[arg-type]


def test_a_rule_that_notes_lets_the_shipment_pass_and_is_named(policy: Policy) -> None:
    found = decided(policy, rulebook("v1", rule("heavy", HEAVY, remedy="send less")), plain())
    assert found.outcome == "permitted"
    (reason,) = (r for r in found.reasons if r.rule == "monitoring.heavy")
    assert (reason.says, reason.effect, reason.remedy) == ("heavy spoke", "passed", "send less")
    assert reason.figures == {"rulebook": "v1", "severity": "warning"}
    assert found.asked.rulebook == "v1"


def test_a_rule_that_holds_holds_and_nothing_is_drawn(policy: Policy) -> None:
    book = made(
        policy, rulebook("v1", rule("heavy", HEAVY, "hold")), regime(), licence(), declared("S1", licence_id="L-1")
    )
    assert book.decisions[-1].outcome == "held"
    assert book.accounts["licence:L-1:1"].reserved == 0


def test_the_strictest_rule_wins(policy: Policy) -> None:
    rules = (rule("a", HEAVY), rule("b", HEAVY, "deny"), rule("c", HEAVY, "hold"))
    found = decided(policy, rulebook("v1", *rules), plain())
    assert found.outcome == "denied"
    said = [(r.rule, r.effect) for r in found.reasons if r.rule.startswith("monitoring.")]
    assert said == [("monitoring.b", "refused"), ("monitoring.c", "held"), ("monitoring.a", "passed")]


def test_an_officer_can_release_what_a_rule_held(policy: Policy) -> None:
    book = made(policy, rulebook("v1", rule("heavy", HEAVY, "hold")), plain(), review("released", "S1"))
    assert [d.outcome for d in book.decisions] == ["held", "permitted"]
    assert any("heavy spoke; waived by O" in r.says for r in book.decisions[-1].reasons)


def test_a_rule_of_lines_speaks_once_and_names_them(policy: Policy) -> None:
    line = {"commodity": MAGNET, "net_mass": {"value": "60", "unit": "KGM"}}
    light = {**line, "net_mass": {"value": "1", "unit": "KGM"}}
    lines = [{**each, "line_no": n} for n, each in enumerate((line, light, line, line), 1)]
    heavy = rule("heavy", "line.net_mass_mg > mass('50 kg')", says="line {line.line_no} is heavy")
    found = decided(policy, rulebook("v1", heavy), plain(lines=lines))
    (noticed,) = found.asked.noticed
    assert (noticed.lines, noticed.says) == ((1, 3, 4), "line 1 is heavy; also lines 3, 4")


def test_a_rule_that_fails_holds_nothing_up_and_the_decision_says_so(policy: Policy) -> None:
    log = (rulebook("v1", rule("broken", BY_ZERO, "deny"), rule("heavy", HEAVY)), plain())
    found = decided(policy, *log)
    assert found.outcome == "permitted"
    broken, heavy = (r for r in found.reasons if r.rule.startswith("monitoring."))
    assert broken.says == "rule broken failed on this shipment: division by zero"
    assert broken.figures["failure"] == "division by zero"
    assert heavy.says == "heavy spoke"


def test_the_rulebook_of_the_declarations_time_is_asked(policy: Policy) -> None:
    books = (
        rulebook("may", rule("one", HEAVY), time="2025-05-01T00:00:00Z"),
        rulebook("june", rule("two", HEAVY), time="2025-06-01T00:00:00Z"),
    )
    found = made(
        policy,
        *books,
        plain("S0", time="2025-04-30T23:59:59Z"),
        plain("S1", time="2025-05-31T23:59:59Z"),
        plain("S2", time="2025-06-01T00:00:00Z"),
    )
    assert [d.asked.rulebook for d in found.decisions] == [None, "may", "june"]


def test_a_later_roll_out_for_the_same_day_wins(policy: Policy) -> None:
    books = [rulebook(version, rule(version, HEAVY)) for version in ("z", "a")]
    assert decided(policy, *books, plain()).asked.rulebook == "a"


def test_a_rulebook_that_is_taken_back_is_asked_no_longer_and_its_version_is_free_again(policy: Policy) -> None:
    first = rulebook("v1", rule("one", HEAVY), id="first")
    book = made(policy, first, plain(), retracted("policy:monitoring", "first"), plain("S2"))
    assert [d.asked.rulebook for d in book.decisions] == ["v1", None]
    again = made(policy, first, retracted("policy:monitoring", "first"), rulebook("v1", rule("two", HEAVY)), plain())
    assert again.decisions[-1].asked.noticed[0].rule.id == "two"


def test_a_correction_is_judged_by_the_rules_of_its_declaration(policy: Policy) -> None:
    found = made(
        policy,
        rulebook("v1", rule("heavy", HEAVY, "hold")),
        plain(),
        rulebook("v2", time="2025-05-03T00:00:00Z"),
        plain(kind="trade.shipment.corrected", kg="10", time="2025-05-04T00:00:00Z"),
    )
    assert [(d.outcome, d.asked.rulebook) for d in found.decisions] == [("held", "v1"), ("permitted", "v1")]


def test_a_rule_knows_how_often_a_shipment_was_decided(policy: Policy) -> None:
    often = rule("often", "shipment.times_decided >= 2")
    corrections = [plain(kind="trade.shipment.corrected", kg=kg, time="2025-05-04T00:00:00Z") for kg in ("2", "3")]
    found = made(policy, rulebook("v1", often), plain(), *corrections)
    assert [len(d.asked.noticed) for d in found.decisions] == [0, 0, 1]


def test_a_shipment_that_waits_is_asked_about_once_its_licence_has_come(policy: Policy) -> None:
    missing = rule("missing", "!has(line.licence)", "hold")
    waits = made(policy, rulebook("v1", missing), regime(), declared("S1", licence_id="L-1"))
    assert waits.decisions == []
    came = made(policy, rulebook("v1", missing), regime(), declared("S1", licence_id="L-1"), licence())
    assert [(d.outcome, d.asked.rulebook) for d in came.decisions] == [("permitted", "v1")]


def test_a_finding_is_announced_to_whom_the_shipment_concerns_failures_and_mere_information_are_not(
    policy: Policy,
) -> None:
    rules = (rule("heavy", HEAVY, severity="critical"), rule("broken", BY_ZERO), rule("odd", HEAVY, severity="info"))
    book = made(policy, rulebook("v1", *rules), plain())
    (alert,) = (a for a in book.alerts if isinstance(a.data, FindingRaised))
    assert (alert.type, alert.id, alert.data.severity) == ("lanewatch.finding.raised", "S1#1/heavy", "critical")
    assert alert.data.headline == "shipment S1: heavy spoke"
    assert alert.data.scope.exporter == "X"


def test_a_decision_keeps_what_it_was_judged_on_without_its_own_draws(policy: Policy) -> None:
    book = made(
        policy,
        regime(),
        licence(),
        declared("S0", licence_id="L-1", kg="30"),
        declared("S1", licence_id="L-1", kg="100"),
        declared("S1", licence_id="L-1", kg="90", kind="trade.shipment.corrected", time="2025-05-04T00:00:00Z"),
    )
    basis = [d.asked.basis for d in book.decisions]
    used = [each.accounts for each in basis if each is not None]
    assert used == [
        (("licence:L-1:1", 10**9, 0),),
        (("licence:L-1:1", 10**9, 30 * 10**6),),
        (("licence:L-1:1", 10**9, 30 * 10**6),),
    ]
    assert basis[1] is not None
    assert basis[1].licences == (("L-1", "active"),)


def test_what_an_officer_rejects_is_judged_by_no_rules(policy: Policy) -> None:
    book = made(policy, rulebook("v1", rule("heavy", HEAVY, "hold")), plain(), review("rejected", "S1"))
    assert book.decisions[-1].asked == Asked(rulebook=None, noticed=(), basis=None)
