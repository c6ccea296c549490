"""The contract's patterns refuse what only looks right."""

import pytest

from shared.cloudevents import read_trade_event
from shared.errors import PermanentError
from tests.support.trade import declared


@pytest.mark.parametrize("field", ["exporter", "origin", "destination", "shipment_id"])
@pytest.mark.parametrize("tail", ["\n", "\x00", "\x7f"])
def test_no_word_ends_in_a_control_character(field: str, tail: str) -> None:
    value = {"origin": "CN", "destination": "DE"}.get(field, "X1")
    good = {field: value} if field != "shipment_id" else {}
    read_trade_event(declared("S1", **good))
    body = declared(f"S1{tail}") if field == "shipment_id" else declared("S1", **{field: value + tail})
    with pytest.raises(PermanentError) as caught:
        read_trade_event(body)
    assert caught.value.pointer == f"/data/{field}"


@pytest.mark.parametrize("symbol,is_taken", [("Dy", True), ("Og", True), ("Xx", False), ("dy", False), ("D", False)])
def test_only_elements_that_there_are(symbol: str, is_taken: bool) -> None:
    body = declared("S1", commodity={"hs": "850511", "elements": [symbol]})
    if is_taken:
        read_trade_event(body)
        return
    with pytest.raises(PermanentError) as caught:
        read_trade_event(body)
    assert caught.value.pointer == "/data/lines/0/commodity/elements/0"
