"""The events that are posted: declared shipments, each another one."""

import json

from shared.examples import trade_event


def declared(count: int) -> list[bytes]:
    """Return so many declarations in the JSON event format, about 900 bytes each."""
    event = trade_event("trade.shipment.declared")
    return [
        json.dumps(
            {**event, "id": f"e-{n}", "data": {**event["data"], "shipment_id": f"S-{n}"}}, separators=(",", ":")
        ).encode()
        for n in range(count)
    ]
