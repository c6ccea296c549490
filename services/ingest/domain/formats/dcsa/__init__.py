"""DCSA Track & Trace 3.0 as trade events; see docs/ingest/dcsa.md."""
