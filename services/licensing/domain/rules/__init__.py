"""What the rules say of a shipment: regimes, then licences, then quotas; `judging.judge` asks them all."""
