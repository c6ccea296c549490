"""The HTTP API under `/v1`: what people and systems may ask licensing."""
