"""What an HTTP request holds: events to publish, or exact faults. Pure."""
