"""What a subscription may ask for besides its filter."""

from typing import Literal

Format = Literal["cloudevents", "slack", "teams"]
"""How an alert is written for the endpoint."""
Ordering = Literal["lane", "none"]
"""Whether an alert waits until the one before it in its lane was accepted."""
