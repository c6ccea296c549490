"""What all three services share: the event contract and the adapters around it."""
