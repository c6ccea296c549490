"""Whatever comes, licensing either applies it or says why not; no event brings it down."""

from hypothesis import HealthCheck, given, settings

from services.licensing.domain.policy import Policy
from services.licensing.domain.whole import WholeBook
from shared.cloudevents import Event, entity_key, read_trade_event, write
from shared.errors import PermanentError
from shared.events import TradeData
from tests.support.mutated import mutated, mutated_log

ODDLY = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def read(body: bytes) -> Event[TradeData] | PermanentError:
    try:
        return read_trade_event(body)
    except PermanentError as error:
        return error


@ODDLY
@given(body=mutated())
def test_any_body_is_an_event_or_refused_with_a_place_and_a_reason(body: bytes) -> None:
    found = read(body)
    if isinstance(found, PermanentError):
        assert found.reason.isprintable()
        assert all(fault.detail and fault.pointer.isprintable() for fault in found.faults)
        assert found.pointer == found.faults[0].pointer
    else:
        assert read_trade_event(write(found)) == found
        assert entity_key(found)


@ODDLY
@given(log=mutated_log())
def test_any_log_is_applied_event_by_event(policy: Policy, log: list[bytes]) -> None:
    book = WholeBook(policy)
    for body in log:
        event = read(body)
        if isinstance(event, PermanentError):
            continue
        ending = book.apply(event)
        assert ending.status in ("decided", "parked", "dead")
        assert ending.status != "dead" or ending.outcome
    for account in book.accounts.values():
        entries = [entry for entry in book.entries if entry.account_id == account.account_id]
        assert account.reserved == sum(entry.reserved for entry in entries) >= 0
        assert account.written_off == sum(entry.written_off for entry in entries) >= 0
        assert account.granted == sum(entry.granted for entry in entries)
